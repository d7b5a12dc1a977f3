// Chooses the exposition format by a scraper's Accept header, and compression by its Accept-Encoding.
// https://prometheus.io/docs/instrumenting/content_negotiation/
import type { Escaping, Format } from "./format.ts";

interface Offer {
  readonly syntax: Format["syntax"];
  readonly type: string;
  /** Since when names beyond `[a-zA-Z_:]` exist in it; older versions are always written with underscores. */
  readonly canEscape: boolean;
  /** Goes without `; escaping=` unless the scraper speaks of escaping: what knows only 0.0.4 may know no such parameter. */
  readonly isPlain?: true;
}

const OFFERS = {
  protobuf: {
    syntax: "protobuf",
    type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    canEscape: true,
  },
  "openmetrics 1.0.0": {
    syntax: "openmetrics",
    type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    canEscape: true,
  },
  "openmetrics 0.0.1": {
    syntax: "openmetrics",
    type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
    canEscape: false,
  },
  "text 1.0.0": { syntax: "text", type: "text/plain; version=1.0.0; charset=utf-8", canEscape: true },
  "text 0.0.4": { syntax: "text", type: "text/plain; version=0.0.4; charset=utf-8", canEscape: false, isPlain: true },
} as const satisfies Record<string, Offer>;
type OfferName = keyof typeof OFFERS;

const ESCAPINGS: ReadonlySet<string> = new Set(["underscores", "allow-utf-8", "dots", "values"] satisfies Escaping[]);

/** One element of an Accept or Accept-Encoding header. */
interface Range {
  /** `text/plain`, `*`+`/*`, `gzip`; lower case. */
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly q: number;
}

/** Prometheus sends at most six; what comes after these is not looked at. */
const MAX_RANGES = 32;
const MAX_PARAMETERS = 16;

/** Header -> format. Scrapers send the same header each time; at the bound it forgets all. Long headers are not kept. */
const cache = new Map<string, Format>();
const MAX_CACHED = 32;
const MAX_CACHED_LENGTH = 1024;

/** The format to answer in. There always is one: text 0.0.4 is what everybody reads. */
export function negotiate(accept: string | undefined): Format {
  const header = accept ?? "";
  const cached = cache.get(header);
  if (cached !== undefined) return cached;
  const format = choose(header);
  if (header.length > MAX_CACHED_LENGTH) return format;
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(header, format);
  return format;
}

/** True when a body compressed by gzip may be sent. */
export function acceptsGzip(acceptEncoding: string | readonly string[] | undefined): boolean {
  const ranges = parseRanges(String(acceptEncoding ?? ""));
  const named = ranges.filter(({ name }) => name === "gzip" || name === "x-gzip");
  // What is said of gzip itself goes before what is said of all.
  return (named.length > 0 ? named : ranges.filter(({ name }) => name === "*")).some(({ q }) => q > 0);
}

function choose(header: string): Format {
  const ranges = parseRanges(header);
  const refused = new Set(ranges.filter(({ q }) => q === 0).map(offerOf));
  // As client_golang orders them: by q, a name before a wildcard, and then as they were written (the sort is stable).
  const preferred = ranges.filter(({ q }) => q > 0).sort((a, b) => b.q - a.q || wildcards(a) - wildcards(b));
  for (const range of preferred) {
    const offer = offerOf(range);
    if (offer !== undefined && !refused.has(offer)) return formatOf(OFFERS[offer], range.parameters.get("escaping"));
  }
  return formatOf(OFFERS["text 0.0.4"]);
}

/** What a range asks for; undefined when it is nothing of ours. */
function offerOf({ name, parameters }: Range): OfferName | undefined {
  const version = parameters.get("version");
  switch (name) {
    case "application/vnd.google.protobuf": {
      const isFamily = parameters.get("proto")?.toLowerCase() === "io.prometheus.client.metricfamily";
      return isFamily && parameters.get("encoding")?.toLowerCase() === "delimited" ? "protobuf" : undefined;
    }
    case "application/openmetrics-text":
      if (version === "1.0.0") return "openmetrics 1.0.0";
      return version === undefined || version === "0.0.1" ? "openmetrics 0.0.1" : undefined;
    case "text/plain":
      if (version === "1.0.0") return "text 1.0.0";
      return version === undefined || version === "0.0.4" ? "text 0.0.4" : undefined;
    case "text/*":
    case "*/*":
      return "text 0.0.4";
    default:
      return undefined;
  }
}

function formatOf(offer: Offer, requested?: string): Format {
  const wanted = requested?.toLowerCase() ?? "";
  const escaping = offer.canEscape && ESCAPINGS.has(wanted) ? (wanted as Escaping) : "underscores";
  const isBare = offer.isPlain === true && requested === undefined;
  return {
    syntax: offer.syntax,
    escaping,
    contentType: isBare ? offer.type : `${offer.type}; escaping=${escaping}`,
  };
}

function wildcards({ name }: Range): number {
  if (!name.endsWith("*")) return 0;
  return name.startsWith("*") ? 2 : 1;
}

function parseRanges(header: string): Range[] {
  const ranges: Range[] = [];
  for (const element of split(header, ",", MAX_RANGES)) {
    const [name = "", ...rest] = split(element, ";", MAX_PARAMETERS + 1);
    if (name.trim() === "") continue;
    const parameters = new Map(rest.map(parseParameter));
    ranges.push({ name: name.trim().toLowerCase(), parameters, q: qualityOf(parameters.get("q")) });
  }
  return ranges;
}

/** `Version = "1.0.0"` is `version`, `1.0.0`. */
function parseParameter(text: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  if (equals === -1) return [text.trim().toLowerCase(), ""];
  const value = text.slice(equals + 1).trim();
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return [text.slice(0, equals).trim().toLowerCase(), isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value];
}

/** A weight that is none is taken for the default, 1. */
function qualityOf(value: string | undefined): number {
  if (value === undefined || !/^(?:\d+(?:\.\d*)?|\.\d+)$/.test(value)) return 1;
  return Math.min(Number(value), 1);
}

/** The first `limit` pieces of a text, in one pass; a separator within quotes separates nothing. */
function split(text: string, separator: "," | ";", limit: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i <= text.length && pieces.length < limit; i++) {
    const char = text[i];
    if (char === '"') isQuoted = !isQuoted;
    else if (char === "\\" && isQuoted) i++;
    else if (char === undefined || (char === separator && !isQuoted)) {
      pieces.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return pieces;
}

// OpenTelemetry's names and units as Prometheus' names. Pure.
// https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
import { escapeName, isLegacyLabelName } from "./escaping.ts";
import type { Escaping } from "./format.ts";

export type FamilyType = "counter" | "gauge" | "histogram";

/** In lower case, as the setting is read. https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/prometheus/#configuration */
export type TranslationStrategy =
  | "underscoreescapingwithsuffixes"
  | "underscoreescapingwithoutsuffixes"
  | "noutf8escapingwithsuffixes"
  | "notranslation";

export interface FamilyName {
  /** As samples have it: a counter's with `_total`. */
  readonly sample: string;
  /** As OpenMetrics' TYPE line has it: a counter's without. */
  readonly base: string;
  /** The unit's words, if the name ends in them; else empty. */
  readonly unit: string;
}

/** How names are written for one strategy and one escaping. */
export interface Naming {
  familyName(name: string, unit: string, type: FamilyType): FamilyName;
  labelName(key: string): string;
}

/** UCUM units that Prometheus spells out; what is not here keeps its letters. */
const UNITS: Readonly<Record<string, string>> = {
  d: "days",
  h: "hours",
  min: "minutes",
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  GiBy: "gibibytes",
  TiBy: "tibibytes",
  KBy: "kilobytes",
  MBy: "megabytes",
  GBy: "gigabytes",
  TBy: "terabytes",
  m: "meters",
  V: "volts",
  A: "amperes",
  J: "joules",
  W: "watts",
  g: "grams",
  Cel: "celsius",
  Hz: "hertz",
  "%": "percent",
};
const PER_UNITS: Readonly<Record<string, string>> = {
  s: "second",
  m: "minute",
  min: "minute",
  h: "hour",
  d: "day",
  w: "week",
  mo: "month",
  y: "year",
};

/** An app has so many metrics at most before the memory of their names is given up and begun anew. */
const MAX_REMEMBERED = 10_000;

export function createNaming(strategy: TranslationStrategy, escaping: Escaping): Naming {
  const hasSuffixes = strategy.endsWith("withsuffixes");
  const isUnderscored = strategy.startsWith("underscore");
  const families = new Map<string, FamilyName>();
  const labels = new Map<string, string>();
  const escape = (name: string, isLabel: boolean): string =>
    isUnderscored ? name : escapeName(name, escaping, isLabel);
  return {
    familyName(name, unit, type) {
      const key = `${type}\0${unit}\0${name}`;
      return remembered(families, key, () => {
        const translated = translate(name, unit, type, { hasSuffixes, isUnderscored });
        const sample = escape(translated.sample, false);
        // In OpenMetrics a counter's samples are its family's name and `_total`, also where escaping doubles the underscore.
        const base = translated.sample === translated.base ? sample : sample.slice(0, -"_total".length);
        const escapedUnit = escape(translated.unit, false);
        // A scrape with a UNIT that is no suffix of the name is refused.
        return { sample, base, unit: base.endsWith(`_${escapedUnit}`) ? escapedUnit : "" };
      });
    },
    labelName: (key) =>
      // Escaping may make a reserved name of one that is not: `..a` is `__a` with underscores.
      remembered(labels, key, () =>
        isUnderscored ? underscoredLabel(key) : unreserved(escape(unreserved(key), true)),
      ),
  };
}

function remembered<Value>(memory: Map<string, Value>, key: string, make: () => Value): Value {
  let value = memory.get(key);
  if (value === undefined) {
    if (memory.size >= MAX_REMEMBERED) memory.clear();
    memory.set(key, (value = make()));
  }
  return value;
}

interface Style {
  readonly hasSuffixes: boolean;
  readonly isUnderscored: boolean;
}

/** `http.server.request.duration` in `s` is `http_server_request_duration_seconds`; a counter ends in `_total`. */
function translate(name: string, unit: string, type: FamilyType, { hasSuffixes, isUnderscored }: Style): FamilyName {
  const words = wordsOf(name, /[^a-zA-Z0-9:]+/);
  const isCounter = type === "counter" && hasSuffixes;
  const isTotal = isCounter && words.length > 1 && words.at(-1) === "total";
  if (isTotal) words.pop();
  const added: string[] = [];
  const phrases = unitPhrases(unit, type).filter((phrase) => phrase.length > 0);
  if (hasSuffixes) {
    for (const phrase of phrases) if (!phrase.every((word) => words.includes(word))) added.push(...phrase);
  }
  const whole = phrases.flat();
  const endsInUnit =
    hasSuffixes && whole.length > 0 && [...words, ...added].slice(-whole.length).join("_") === whole.join("_");
  const kept = isTotal ? name.replace(/[^a-zA-Z0-9]*total[^a-zA-Z0-9]*$/, "") : name;
  const base = isUnderscored ? underscored([...words, ...added].join("_")) : [kept || "_", ...added].join("_");
  return {
    sample: isCounter ? `${base}_total` : base,
    base,
    unit: endsInUnit && base.endsWith(whole.join("_")) ? whole.join("_") : "",
  };
}

function underscored(name: string): string {
  return /^[a-zA-Z_:]/.test(name) ? name : `_${name}`;
}

/** Annotations in braces say nothing of a unit: `{request}` is none, `By/{request}` is bytes, `1/s` is per second. */
function unitPhrases(unit: string, type: FamilyType): string[][] {
  const [main = "", per = ""] = unit.replaceAll(/\{[^}]*\}/g, "").split("/", 2);
  const perWords = wordsOf(lookUp(PER_UNITS, per) ?? lookUp(UNITS, per) ?? per);
  if (main === "1" && perWords.length === 0) return type === "gauge" ? [["ratio"]] : [];
  const mainWords = main === "1" ? [] : wordsOf(lookUp(UNITS, main) ?? main);
  return [mainWords, perWords.length === 0 ? [] : ["per", ...perWords]];
}

function lookUp(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function wordsOf(text: string, separator = /[^a-zA-Z0-9]+/): string[] {
  return text.split(separator).filter((word) => word !== "");
}

/** Names that the exposition itself gives, or reserves, get a prefix. */
function underscoredLabel(key: string): string {
  const name = unreserved(key).replaceAll(/[^a-zA-Z0-9]+/g, "_");
  return isLegacyLabelName(name) ? name : `key_${name}`;
}

function unreserved(key: string): string {
  if (key === "" || key === "le" || key === "quantile") return `exported_${key}`;
  return key.startsWith("__") ? `exported${key}` : key;
}

// OpenTelemetry's names, units and values as Prometheus writes them. Pure.
// https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
import type { Attributes } from "@opentelemetry/api";

export type FamilyType = "counter" | "gauge" | "histogram";

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
const PER_UNITS: Readonly<Record<string, string>> = { s: "second", m: "minute", min: "minute", h: "hour", d: "day" };

/** `http.server.request.duration` in `s` is `http_server_request_duration_seconds`; a counter ends in `_total`. */
export function metricName(name: string, unit: string, type: FamilyType): string {
  const words = name.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== "");
  const isCounter = type === "counter";
  if (isCounter && words.at(-1) === "total") words.pop();
  for (const phrase of unitPhrases(unit, type))
    if (!phrase.every((word) => words.includes(word))) words.push(...phrase);
  if (isCounter) words.push("total");
  const joined = words.join("_");
  return /^[a-zA-Z_:]/.test(joined) ? joined : `_${joined}`;
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

function wordsOf(text: string): string[] {
  return text.split(/[^a-zA-Z0-9]+/).filter((word) => word !== "");
}

/** Names that the exposition itself gives, or reserves, get a prefix. */
export function labelName(key: string): string {
  const name = key.replaceAll(/[^a-zA-Z0-9_]/g, "_");
  if (name === "" || name === "le" || name === "quantile") return `exported_${name}`;
  if (name.startsWith("__")) return `exported${name}`;
  return /^[0-9]/.test(name) ? `key_${name}` : name;
}

/**
 * `a="1",b="2"`: escaped, and with the values of keys that become one name joined by `;` in the keys' order. Sorted by name and
 * without empty values, which are no labels to Prometheus: two sets that are one series to it are one text.
 */
export function labelSet(...sources: readonly Attributes[]): string {
  const labels = new Map<string, string>();
  const entries = sources.flatMap((attributes) => Object.entries(attributes));
  for (const [key, value] of entries.toSorted(byKey)) {
    if (value === undefined || value === null) continue;
    const name = labelName(key);
    const text = valueText(value);
    const other = labels.get(name);
    labels.set(name, other === undefined ? text : `${other};${text}`);
  }
  return Array.from(labels)
    .filter(([, text]) => text !== "")
    .toSorted(byKey)
    .map(([name, text]) => `${name}="${escapeValue(text)}"`)
    .join(",");
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

/** Never throws: what JSON cannot write is written as text. */
function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return typeof value === "object" ? (JSON.stringify(value) ?? String(value)) : String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function escapeValue(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return /[\\"\n]/.test(wellFormed)
    ? wellFormed.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : wellFormed;
}

export function escapeHelp(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** Throws at what is no number, as a producer may hand it in: Prometheus refuses a scrape with one such line. */
export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  if (typeof value !== "number") throw new TypeError(`a value is ${typeof value}`);
  return String(value);
}

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
  for (const word of unitWords(unit, type)) if (!words.includes(word)) words.push(word);
  if (isCounter) words.push("total");
  const joined = words.join("_");
  return /^[a-zA-Z_:]/.test(joined) ? joined : `_${joined}`;
}

/** Annotations in braces say nothing of a unit: `{request}` is none, `By/{request}` is bytes. */
function unitWords(unit: string, type: FamilyType): string[] {
  const [main = "", per] = unit.replaceAll(/\{[^}]*\}/g, "").split("/", 2);
  if (main === "1") return type === "gauge" ? ["ratio"] : [];
  const words = clean(UNITS[main] ?? main);
  const perWord = per === undefined ? "" : clean(PER_UNITS[per] ?? UNITS[per] ?? per);
  if (perWord !== "") return words === "" ? ["per", perWord] : [words, "per", perWord];
  return words === "" ? [] : [words];
}

function clean(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9]+/g, "_").replaceAll(/^_+|_+$/g, "");
}

/** Names that the exposition itself gives, or reserves, get a prefix. */
export function labelName(key: string): string {
  const name = key.replaceAll(/[^a-zA-Z0-9_]/g, "_");
  if (name === "" || name === "le" || name === "quantile") return `exported_${name}`;
  if (name.startsWith("__")) return `exported${name}`;
  return /^[0-9]/.test(name) ? `key_${name}` : name;
}

/** `a="1",b="2"`: escaped, and with the values of keys that become one name joined by `;` in the keys' order. */
export function labelSet(...sources: readonly Attributes[]): string {
  const labels = new Map<string, string>();
  const entries = sources.flatMap((attributes) => Object.entries(attributes));
  for (const [key, value] of entries.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))) {
    if (value === undefined || value === null) continue;
    const name = labelName(key);
    const text = valueText(value);
    const other = labels.get(name);
    labels.set(name, other === undefined ? text : `${other};${text}`);
  }
  return Array.from(labels, ([name, text]) => `${name}="${escapeValue(text)}"`).join(",");
}

/** Never throws: what JSON cannot write is written as text. */
function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
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

export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

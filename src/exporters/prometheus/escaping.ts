// Names with any characters in the alphabet that a scraper asks for. Pure.
// https://prometheus.io/docs/instrumenting/escaping_schemes/
import type { Escaping } from "./format.ts";

/** Half a surrogate pair is no UTF-8, and Prometheus refuses a scrape of OpenMetrics with a zero character in it: both are U+FFFD. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

export function isLegacyMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

export function isLegacyLabelName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}

export function escapeName(given: string, escaping: Escaping, isLabel: boolean): string {
  const name = cleanText(given);
  if (name === "" || escaping === "allow-utf-8") return name;
  const isLegacy = isLabel ? isLegacyLabelName(name) : isLegacyMetricName(name);
  if (isLegacy && escaping !== "dots") return name;
  const characters = Array.from(name, (character, index) => {
    const isValid =
      (isLabel ? /[a-zA-Z0-9_]/ : /[a-zA-Z0-9_:]/).test(character) && (index > 0 || !/\d/.test(character));
    return ESCAPE[escaping](character, isValid);
  });
  return (escaping === "values" ? "U__" : "") + characters.join("");
}

const ESCAPE: Record<Exclude<Escaping, "allow-utf-8">, (character: string, isValid: boolean) => string> = {
  underscores: (character, isValid) => (isValid ? character : "_"),
  dots: (character, isValid) => {
    if (character === "_") return "__";
    if (character === ".") return "_dot_";
    return isValid ? character : "__";
  },
  values: (character, isValid) => {
    if (character === "_") return "__";
    return isValid ? character : `_${(character.codePointAt(0) as number).toString(16).toUpperCase()}_`;
  },
};

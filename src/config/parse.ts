// Parses the text of one setting by its row in the table.
import { redactUrl } from "../redaction/urls.ts";
import type { Setting } from "./settings.ts";
import { suggest } from "./suggest.ts";

/** What came out: the value, if the text has any that can be used, and what is to be said about it. */
export interface Parsed<Value> {
  readonly value?: Value;
  readonly problems: readonly string[];
}

export type SettingValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | Readonly<Record<string, string>>;

/** Problems name no consequence for the whole value; the caller, who knows the default, adds `; using ...`. */
export function parseSetting(setting: Setting, text: string): Parsed<SettingValue> {
  switch (setting.type) {
    case "boolean":
      return parseBoolean(text);
    case "integer":
      return parseInteger(setting, text);
    case "ratio":
      return parseRatio(text);
    case "choice":
      return parseChoice(setting, text);
    case "list":
      return parseList(setting, text);
    case "texts":
      return { value: membersOf(text), problems: [] };
    case "numbers":
      return parseNumbers(text);
    case "urls":
      return parseUrls(text);
    case "pairs":
      return parsePairs(setting, text);
    case "text":
      return { value: text, problems: [] };
  }
}

/** A default is trusted, so that a start does not parse some forty of them; test/config/settings.test.ts puts each to its parser. */
export function defaultValue({ type, default: text }: Setting): SettingValue | undefined {
  if (text === undefined) return undefined;
  if (type === "boolean") return text === "true";
  if (type === "integer" || type === "ratio") return Number(text);
  return type === "list" || type === "texts" || type === "urls" ? text.split(",") : text;
}

/** A setting's text fit for a message. */
export function displayText({ secret = false, type }: Setting, text: string): string {
  if (!secret) return text;
  return type === "urls" ? splitUrls(text).map(redactCredentials).join(",") : "REDACTED";
}

/** What is shown was refused, so it may be no URL at all: then everything before its last `@` may be a password. */
export function redactCredentials(text: string): string {
  const redacted = redactUrl(text);
  const at = redacted.lastIndexOf("@");
  if (at < 0 || redacted.endsWith("://REDACTED:REDACTED", at)) return redacted;
  return `REDACTED${redacted.slice(at)}`;
}

function parseBoolean(text: string): Parsed<boolean> {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return { value: lower === "true", problems: [] };
  return { problems: ["is neither true nor false"] };
}

function parseInteger({ min = 0, max = Infinity }: Setting, text: string): Parsed<number> {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value))
    return { problems: [Number.isFinite(Number(text)) ? "is not a whole number" : "is not a number"] };
  if (value < min) return { problems: [`is less than ${min}`] };
  if (value > max) return { problems: [`is more than ${max}`] };
  return { value, problems: [] };
}

function parseRatio(text: string): Parsed<number> {
  const value = Number(text);
  if (Number.isNaN(value)) return { problems: ["is not a number"] };
  return value >= 0 && value <= 1 ? { value, problems: [] } : { problems: ["is not between 0 and 1"] };
}

function parseChoice(setting: Setting, text: string): Parsed<string> {
  const value = text.toLowerCase();
  return setting.values?.includes(value) ? { value, problems: [] } : { problems: [unknown(setting, value)] };
}

/** Unknown members are left out one by one; `none` beside others is left out as well. */
function parseList(setting: Setting, text: string): Parsed<readonly string[]> {
  const { values = [] } = setting;
  const members = membersOf(text.toLowerCase());
  const problems = members
    .filter((member) => !values.includes(member))
    .map((member) => `holds "${member}", which ${unknown(setting, member)}`);
  let known = members.filter((member) => values.includes(member));
  if (known.length > 1 && known.includes("none")) {
    known = known.filter((member) => member !== "none");
    problems.push('holds "none" beside others');
  }
  return known.length === 0 ? { problems } : { value: known, problems };
}

function membersOf(text: string): string[] {
  const members = text.split(",").map((member) => member.trim());
  return [...new Set(members)].filter((member) => member !== "");
}

/** A bad member is left out, and the others stay. */
function parseNumbers(text: string): Parsed<readonly number[]> {
  const members = membersOf(text);
  const isBound = (member: string): boolean => Number(member) > 0 && Number.isFinite(Number(member));
  const problems = members
    .filter((member) => !isBound(member))
    .map((member) => `holds "${member}", which is no number above 0`);
  // `1` and `1.0` are one bound.
  const value = [...new Set(members.filter(isBound).map(Number))].toSorted((a, b) => a - b);
  return value.length === 0 ? { problems } : { value, problems };
}

function unknown({ values = [], unsupported = [] }: Setting, text: string): string {
  if (unsupported.includes(text)) return `is not supported by redtrail (it has ${values.join(", ")})`;
  const near = suggest(text, values);
  return near === undefined ? `is none of ${values.join(", ")}` : `is not known (did you mean "${near}"?)`;
}

function parseUrl(text: string): Parsed<string> {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  return isHttp ? { value: text, problems: [] } : { problems: ["is not an http or https URL"] };
}

/** A bad one is left out, and the others stay. */
function parseUrls(text: string): Parsed<readonly string[]> {
  const parsed = splitUrls(text).map((url) => ({ url, ...parseUrl(url) }));
  const bad = parsed.filter(({ value }) => value === undefined);
  const value = parsed.map((one) => one.value).filter((one) => one !== undefined);
  if (value.length === 0) return { problems: ["is not an http or https URL"] };
  return {
    value,
    problems: bad.map(({ url }) => `holds "${redactCredentials(url)}", which is not an http or https URL`),
  };
}

/** A comma may be part of a path or a password: it ends a URL only where another one begins, or nothing. */
function splitUrls(text: string): string[] {
  return text
    .split(/,(?=\s*(?:[a-z][a-z0-9+.-]*:\/\/|$))/i)
    .map((url) => url.trim())
    .filter((url) => url !== "");
}

/** `key=value,key=value`; a bad pair is left out, and the others stay. */
function parsePairs({ secret = false }: Setting, text: string): Parsed<Readonly<Record<string, string>>> {
  const value: Record<string, string> = {};
  const problems: string[] = [];
  for (const pair of text.split(",")) {
    if (pair.trim() === "") continue;
    const equals = pair.indexOf("=");
    const key = pair.slice(0, Math.max(equals, 0)).trim();
    try {
      if (key === "") throw new Error("no key");
      value[decodeURIComponent(key)] = decodeURIComponent(pair.slice(equals + 1).trim());
    } catch {
      problems.push(`holds "${secret ? "REDACTED" : pair.trim()}", which is no key=value`);
    }
  }
  return { value, problems };
}

// The options of a definition: its defaults, and what is given in their place, made of the type that the default has.
import type { Options } from "../../src/plugins/definition.ts";

type Value = Options[string];

/** `given`: texts of the environment, or values of code. */
export function typedOptions(
  defaults: Options,
  given: Readonly<Record<string, unknown>>,
  say: (text: string) => void,
): Options {
  const options: Record<string, Value> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    const byDefault = defaults[name];
    const typed = typeof value === "string" ? fromText(byDefault, value) : fromValue(byDefault, value);
    // Not the value: it may be a secret.
    if (typed === undefined) say(`its option ${name} is no ${typeName(byDefault)}; using its default`);
    else options[name] = typed;
  }
  return options;
}

function fromText(byDefault: unknown, text: string): Value | undefined {
  if (Array.isArray(byDefault)) return fromJsonList(text) ?? members(text);
  if (typeof byDefault === "string") return text;
  if (typeof byDefault === "number")
    return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined;
  if (typeof byDefault !== "boolean" || !/^(?:true|false)$/i.test(text)) return undefined;
  return text.toLowerCase() === "true";
}

function fromValue(byDefault: unknown, value: unknown): Value | undefined {
  if (Array.isArray(byDefault)) return Array.isArray(value) ? value.map(String) : undefined;
  return typeof value === typeof byDefault && value !== null ? (value as Value) : undefined;
}

/** `["a","b"]`; undefined of what only begins like it, as `[a-z]+` does. */
function fromJsonList(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** `a, b` */
function members(text: string): readonly string[] {
  return text
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}

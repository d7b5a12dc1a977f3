// The options of a definition: its defaults, and what the environment has in their place where it is of the same type.
import type { Options } from "../../src/plugins/definition.ts";

export function typedOptions(
  defaults: Options,
  given: Readonly<Record<string, unknown>>,
  say: (text: string) => void,
): Options {
  const options: Record<string, Options[string]> = { ...defaults };
  for (const [name, text] of Object.entries(given)) {
    const byDefault = defaults[name];
    const value = asTypeOf(byDefault, text);
    if (value === undefined) say(`its option ${name} is no ${typeName(byDefault)}; using ${JSON.stringify(byDefault)}`);
    else options[name] = value;
  }
  return options;
}

function asTypeOf(byDefault: unknown, value: unknown): Options[string] | undefined {
  // A list may also be written with commas.
  if (Array.isArray(byDefault)) return listOf(value);
  // The reader takes `7` and `true` for what they look like.
  if (typeof byDefault === "string") return typeof value === "object" ? undefined : String(value);
  return typeof value === typeof byDefault ? (value as Options[string]) : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "object") return undefined;
  return String(value)
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}

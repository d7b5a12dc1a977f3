// Options of single instrumentations by environment variable: REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION>.
import { suggest } from "../src/config/suggest.ts";
import { log } from "../src/diagnostics/log.ts";

export const OPTION_PREFIX = "REDTRAIL_INSTRUMENTATION_";

/**
 * The options of one instrumentation, as they are written in code: `requireParentSpan`. Without `known` any may be set. `read` makes values of
 * their texts (trimmed, never empty).
 */
export type ReadOptions = (
  name: string,
  known?: readonly string[],
  read?: (text: string) => unknown,
) => Record<string, unknown>;

/**
 * `variables`: those with the prefix, by their whole name. `names`: of all instrumentations, so that an option of `redis-streams`
 * is not taken for one of `redis`. A bad value is one line, and left out.
 */
export function createOptions(variables: Readonly<Record<string, string>>, names: readonly string[]): ReadOptions {
  // The longest first.
  const prefixes = names
    .map((name) => ({ name, prefix: `${OPTION_PREFIX}${upperSnake(name)}_` }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const nameOf = (variable: string): string | undefined =>
    prefixes.find(({ prefix }) => variable.startsWith(prefix))?.name;

  for (const variable of Object.keys(variables)) {
    const first = prefixes.find(({ prefix }) => variable.startsWith(prefix));
    if (first === undefined) {
      log.warn(`${variable} is of no instrumentation (${names.join(", ")}); it is ignored`);
      continue;
    }
    const others = prefixes.filter((one) => one !== first && one.prefix === first.prefix).map(({ name }) => name);
    if (others.length === 0) continue;
    log.warn(
      `${variable} is of "${first.name}" and of "${others.join('", "')}", whose names are alike; "${first.name}" has it`,
    );
  }
  return (name, known, read = parse) => {
    const options: Record<string, unknown> = {};
    const prefix = `${OPTION_PREFIX}${upperSnake(name)}_`;
    for (const [variable, text] of Object.entries(variables)) {
      if (nameOf(variable) !== name) continue;
      const rest = variable.slice(prefix.length);
      const option = known === undefined ? camelCase(rest) : known.find((one) => upperSnake(one) === rest);
      if (option === undefined) log.warn(unknownOption(variable, prefix, known ?? []));
      else setOption(options, option, { variable, text, read });
    }
    return options;
  };
}

function unknownOption(variable: string, prefix: string, known: readonly string[]): string {
  const variables = known.map((option) => prefix + upperSnake(option));
  const near = suggest(variable, variables);
  const hint = near === undefined ? `it has ${variables.join(", ") || "none"}` : `did you mean ${near}?`;
  return `${variable} is no option of its instrumentation (${hint}); it is ignored`;
}

interface Given {
  readonly variable: string;
  readonly text: string;
  readonly read: (text: string) => unknown;
}

function setOption(options: Record<string, unknown>, option: string, { variable, text, read }: Given): void {
  const value = text.trim();
  if (value === "") return;
  try {
    options[option] = read(value);
  } catch {
    // Neither the value nor what the parser says of it: it may be a secret.
    log.warn(`${variable} is not valid JSON; it is ignored`);
  }
}

/** `true`, `false`, a number, JSON that begins with a bracket, else the text itself. */
function parse(text: string): unknown {
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  return /^[[{]/.test(text) ? (JSON.parse(text) as unknown) : text;
}

/** `aws-sdk`, `@scope/name` and `requireParentSpan` become `AWS_SDK`, `SCOPE_NAME` and `REQUIRE_PARENT_SPAN`. */
function upperSnake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_/, "")
    .toUpperCase();
}

function camelCase(upper: string): string {
  return upper.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

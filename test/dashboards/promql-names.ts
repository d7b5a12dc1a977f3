// Every metric and every label that a PromQL expression names. Pure.
// https://prometheus.io/docs/prometheus/latest/querying/basics/

export interface PromqlNames {
  /** Also those with a colon, which recording rules give. */
  readonly metrics: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
  /** Labels that label_replace, label_join and count_values make. */
  readonly madeLabels: ReadonlySet<string>;
}

type Kind = "name" | "string" | "number" | "variable" | "symbol";

interface Token {
  readonly kind: Kind;
  /** Of a string: what is between its quotes. */
  readonly text: string;
}

/** The first that matches wins. Grafana's variables are `$name`, `${name:format}` and `[[name]]`. */
const TOKENS: readonly (readonly [Kind | undefined, RegExp])[] = [
  [undefined, /(?:\s|#.*)+/y],
  ["variable", /\$\w+|\$\{[^}]*\}|\[\[\w+\]\]/y],
  ["string", /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/y],
  ["number", /(?:\d|\.\d)(?:[eE][+-]\d|[\w.])*/y],
  ["name", /[a-zA-Z_:][\w:]*/y],
  ["symbol", /=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}[\],@:]/y],
];

/** Followed by a list of labels. */
const LABEL_LISTS: ReadonlySet<string> = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["and", "or", "unless", "atan2", "bool", "offset", "start", "end", "inf", "nan"],
  ...LABEL_LISTS,
]);
/** Unlike functions, they may stand before `by` and `without`. */
const AGGREGATIONS: ReadonlySet<string> = new Set([
  ...["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"],
  ...["limitk", "limit_ratio"],
]);
const MATCHERS: ReadonlySet<string> = new Set(["=", "!=", "=~", "!~"]);

export function promqlNames(expression: string): PromqlNames {
  const tokens = tokenize(expression);
  const names = { metrics: new Set<string>(), labels: new Set<string>(), madeLabels: new Set<string>() };
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at] as Token;
    const next = tokens[at + 1]?.text;
    if (text === "[" && kind === "symbol") at = closing(tokens, at, "[", "]");
    else if (text === "{" && kind === "symbol") at = readMatchers(tokens, at, names);
    else if (kind !== "name") continue;
    else if (LABEL_LISTS.has(text.toLowerCase())) at = readLabelList(tokens, at + 1, names);
    else if (next === "(") readStringArguments(text, tokens, at + 1, names);
    else if (AGGREGATIONS.has(text) && (next === "by" || next === "without")) continue;
    else if (!KEYWORDS.has(text.toLowerCase())) names.metrics.add(text);
  }
  return names;
}

/** What Grafana asks for a variable's values: `label_values(label)`, `label_values(selector, label)`, or an expression. */
export function variableQueryNames(query: string): PromqlNames {
  const match = /^label_values\((?:(.*),)?\s*(\w+)\s*\)$/s.exec(query.trim());
  if (match === null) return promqlNames(query);
  const names = promqlNames(match[1] ?? "");
  return { ...names, labels: new Set([...names.labels, match[2] as string]) };
}

/** The labels of `{{ label }}` in a legend, and of `{{ $labels.label }}` in an alert's text. */
export function templateLabels(text: string): string[] {
  const inLegend = text.matchAll(/\{\{\s*([a-zA-Z_]\w*)\s*\}\}/g);
  const inAnnotation = text.matchAll(/\$labels\.(\w+)/g);
  return [...inLegend, ...inAnnotation].map(([, label]) => label as string);
}

type Found = { readonly [Key in keyof PromqlNames]: Set<string> };

function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    const [kind, text] = tokenAt(expression, at);
    at += text.length;
    if (kind === "string") tokens.push({ kind, text: text.slice(1, -1) });
    else if (kind !== undefined) tokens.push({ kind, text });
  }
  return tokens;
}

function tokenAt(expression: string, at: number): readonly [Kind | undefined, string] {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(expression);
    if (match !== null) return [kind, match[0]];
  }
  throw new Error(`not PromQL at ${at}: ${expression}`);
}

/** The place of what closes the bracket at `at`. */
function closing(tokens: readonly Token[], at: number, open: string, close: string): number {
  let depth = 0;
  for (let i = at; i < tokens.length; i++) {
    const { kind, text } = tokens[i] as Token;
    if (kind !== "symbol") continue;
    if (text === open) depth++;
    else if (text === close && --depth === 0) return i;
  }
  throw new Error(`"${open}" is not closed`);
}

/** `{label="value", __name__="metric", "metric.with.dots", "label.with.dots"="value"}` */
function readMatchers(tokens: readonly Token[], at: number, { metrics, labels }: Found): number {
  const end = closing(tokens, at, "{", "}");
  let isValue = false;
  for (let i = at + 1; i < end; i++) {
    const { kind, text } = tokens[i] as Token;
    const next = tokens[i + 1]?.text ?? "";
    if (kind === "symbol") isValue = MATCHERS.has(text);
    else if (isValue) isValue = false;
    else if (text === "__name__" && next === "=") metrics.add((tokens[i + 2] as Token).text);
    else if (MATCHERS.has(next)) labels.add(text);
    else if (kind === "string") metrics.add(text);
  }
  return end;
}

/** Without a list (`group_left` alone), nothing. */
function readLabelList(tokens: readonly Token[], at: number, { labels }: Found): number {
  if (tokens[at]?.text !== "(") return at - 1;
  const end = closing(tokens, at, "(", ")");
  for (const { kind, text } of tokens.slice(at + 1, end)) if (kind === "name" || kind === "string") labels.add(text);
  return end;
}

/** Labels that are given as strings: label_replace(v, made, "", read, ""), label_join(v, made, "", read, read...). */
function readStringArguments(name: string, tokens: readonly Token[], at: number, { labels, madeLabels }: Found): void {
  if (name === "count_values" && tokens[at + 1]?.kind === "string") madeLabels.add((tokens[at + 1] as Token).text);
  if (name !== "label_replace" && name !== "label_join") return;
  const [made, , ...read] = ownStrings(tokens, at);
  madeLabels.add(made as string);
  for (const label of name === "label_replace" ? read.slice(0, 1) : read) labels.add(label);
}

/** The strings that are arguments of this call, and not of one within it. */
function ownStrings(tokens: readonly Token[], at: number): string[] {
  const strings: string[] = [];
  let depth = 0;
  for (const { kind, text } of tokens.slice(at, closing(tokens, at, "(", ")") + 1)) {
    if (kind === "symbol" && (text === "(" || text === "{")) depth++;
    else if (kind === "symbol" && (text === ")" || text === "}")) depth--;
    else if (kind === "string" && depth === 1) strings.push(text);
  }
  return strings;
}

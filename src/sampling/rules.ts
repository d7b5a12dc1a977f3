// Rules that give some requests a sampling ratio of their own: how they are written, and the sampler that follows them.
import type { Attributes, Context, Link, SpanKind } from "@opentelemetry/api";
import { type Sampler, type SamplingResult, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import { createGlobTest } from "../glob.ts";
import { ATTR } from "../semconv.ts";

export interface SamplingRule {
  /** 0 to 1, of the traces that it is for. */
  readonly ratio: number;
  /** In upper case. */
  readonly method?: string;
  /** `*` for any characters, as in all patterns here. */
  readonly path?: string;
  /** Of the span: a queue's, a host's. */
  readonly name?: string;
  readonly headers: readonly { readonly name: string; readonly pattern: string }[];
}

const RATIOS: Readonly<Record<string, number>> = { drop: 0, keep: 1 };

/** `drop path=/health*`, `0.1 method=GET path=/static/*`, `keep header.x-debug=*`; undefined when it is none. */
export function parseSamplingRule(text: string): SamplingRule | undefined {
  const [first = "", ...conditions] = text.trim().split(/\s+/);
  const ratio = RATIOS[first.toLowerCase()] ?? (/^[\d.]+$/.test(first) ? Number(first) : Number.NaN);
  if (!(ratio >= 0 && ratio <= 1) || conditions.length === 0) return undefined;
  let rule: SamplingRule = { ratio, headers: [] };
  for (const condition of conditions) {
    const [, key = "", pattern = ""] = /^([^=]+)=(.+)$/.exec(condition) ?? [];
    const header = /^header\.(.+)$/i.exec(key)?.[1]?.toLowerCase();
    if (header !== undefined) rule = { ...rule, headers: [...rule.headers, { name: header, pattern }] };
    else if (key === "method") rule = { ...rule, method: pattern.toUpperCase() };
    else if (key === "path" || key === "name") rule = { ...rule, [key]: pattern };
    else return undefined;
  }
  return rule;
}

/** Names of the headers that rules ask for. */
export function headersOfRules(rules: readonly SamplingRule[]): string[] {
  return [...new Set(rules.flatMap(({ headers }) => headers.map(({ name }) => name)))];
}

type Test = (name: string, attributes: Attributes) => boolean;

/** The first rule that fits decides, by the trace id, so that services with the same rule agree; without one, the delegate. */
export class RuleSampler implements Sampler {
  readonly #rules: readonly { readonly fits: Test; readonly sampler: Sampler }[];
  readonly #delegate: Sampler;

  constructor(rules: readonly SamplingRule[], delegate: Sampler) {
    this.#rules = rules.map((rule) => ({ fits: createTest(rule), sampler: new TraceIdRatioBasedSampler(rule.ratio) }));
    this.#delegate = delegate;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const rule = this.#rules.find(({ fits }) => fits(name, attributes));
    return (rule?.sampler ?? this.#delegate).shouldSample(context, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `Rules{${this.#rules.length},${this.#delegate.toString()}}`;
  }
}

function createTest({ method, path, name, headers }: SamplingRule): Test {
  const tests: Test[] = [];
  if (method !== undefined) {
    // A method that is not known has its own word beside `_OTHER`.
    tests.push((_, at) => method === (at[ATTR.requestMethodOriginal] ?? at[ATTR.requestMethod]));
  }
  if (path !== undefined) tests.push(attributeTest(ATTR.urlPath, path));
  if (name !== undefined) {
    const matches = createGlobTest([name]);
    tests.push((spanName) => matches(spanName));
  }
  tests.push(...headers.map((header) => attributeTest(`http.request.header.${header.name}`, header.pattern)));
  return (spanName, attributes) => tests.every((test) => test(spanName, attributes));
}

function attributeTest(key: string, pattern: string): Test {
  const matches = createGlobTest([pattern]);
  return (_, attributes) => {
    const value = attributes[key];
    if (Array.isArray(value)) return value.some((one) => matches(String(one)));
    return value !== undefined && matches(String(value));
  };
}

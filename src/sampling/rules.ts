// Rules that give some requests a sampling ratio of their own: how they are written, and the sampler that follows them.
import { type Attributes, type Context, type Link, ROOT_CONTEXT, SamplingDecision, SpanKind } from "@opentelemetry/api";
import { type Sampler, type SamplingResult, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import { createGlobTest } from "../glob.ts";
import { ATTR } from "../semconv.ts";
import { type RouteRule, type Verdict, createVerdict } from "./verdict.ts";

export interface SamplingRule {
  /** 0 to 1, of the traces that it is for. */
  readonly ratio: number;
  /** `drop` in place of a ratio: what it is for is not kept when it fails or is slow either. */
  readonly drops?: true;
  /** In upper case. */
  readonly method?: string;
  /** `*` for any characters, as in all patterns here. */
  readonly path?: string;
  /** Pattern of the framework's route, which is known when the request ends: such a rule decides then. */
  readonly route?: string;
  /** Of the span: a queue's, a host's. */
  readonly name?: string;
  readonly headers: readonly { readonly name: string; readonly pattern: string }[];
}

const WORDS: Readonly<Record<string, Pick<SamplingRule, "ratio" | "drops">>> = {
  drop: { ratio: 0, drops: true },
  keep: { ratio: 1 },
};

/** `drop path=/health*`, `drop route=/users/:id`, `0.1 method=GET path=/static/*`, `keep header.x-debug=*`; undefined when it is none. */
export function parseSamplingRule(text: string): SamplingRule | undefined {
  const [first = "", ...conditions] = text.trim().split(/\s+/);
  const word = WORDS[first.toLowerCase()] ?? { ratio: /^[\d.]+$/.test(first) ? Number(first) : Number.NaN };
  if (!(word.ratio >= 0 && word.ratio <= 1) || conditions.length === 0) return undefined;
  let rule: SamplingRule = { ...word, headers: [] };
  const keys = new Set<string>();
  for (const condition of conditions) {
    const [, key = "", pattern = ""] = /^([^=]+)=(.+)$/.exec(condition) ?? [];
    const header = /^header\.(.+)$/i.exec(key)?.[1]?.toLowerCase();
    if (pattern === "" || (header === undefined && keys.has(key))) return undefined;
    keys.add(key);
    if (header !== undefined) rule = { ...rule, headers: [...rule.headers, { name: header, pattern }] };
    else if (key === "method") rule = { ...rule, method: pattern.toUpperCase() };
    // A path has no query.
    else if (key === "path" && !/^[/*][^?]*$/.test(pattern)) return undefined;
    else if (key === "path" || key === "name" || key === "route") rule = { ...rule, [key]: pattern };
    else return undefined;
  }
  return rule;
}

/** Names of the headers that rules ask for. */
export function headersOfRules(rules: readonly SamplingRule[]): string[] {
  return [...new Set(rules.flatMap(({ headers }) => headers.map(({ name }) => name)))];
}

type Test = (name: string, attributes: Attributes) => boolean;

interface CompiledRule {
  readonly fits: Test;
  readonly sampler: Sampler;
  readonly drops: boolean;
  /** Of a rule with a route. */
  readonly byRoute: RouteRule | undefined;
}

/**
 * The first rule that fits decides, by the trace id, so that services with the same rule agree; without one, the delegate.
 *
 * Rules with a route that stand before it, and whose other conditions hold, are noted in the verdict: when the request ends, the
 * first of them that has its route decides in its place.
 */
export class RuleSampler implements Sampler {
  readonly #rules: readonly CompiledRule[];
  readonly #delegate: Sampler;
  readonly #verdict: Verdict;

  constructor(rules: readonly SamplingRule[], delegate: Sampler, verdict: Verdict = createVerdict()) {
    this.#rules = rules.map(compile);
    this.#delegate = delegate;
    this.#verdict = verdict;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    let sampler = this.#delegate;
    let routeRules: RouteRule[] | undefined;
    for (const rule of this.#rules) {
      // Only a server's requests have a route.
      if (rule.byRoute !== undefined && kind !== SpanKind.SERVER) continue;
      if (!rule.fits(name, attributes)) continue;
      if (rule.byRoute !== undefined) {
        (routeRules ??= []).push(rule.byRoute);
        continue;
      }
      this.#verdict.drops = rule.drops;
      sampler = rule.sampler;
      break;
    }
    this.#verdict.routeRules = routeRules;
    return sampler.shouldSample(context, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `Rules{${this.#rules.length},${this.#delegate.toString()}}`;
  }
}

function compile(rule: SamplingRule): CompiledRule {
  const { ratio, route, drops = false } = rule;
  const sampler = new TraceIdRatioBasedSampler(ratio);
  const byRoute =
    route === undefined
      ? undefined
      : {
          matches: createGlobTest([route]),
          samples: (traceId: string) =>
            sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED,
          drops,
        };
  return { fits: createTest(rule), sampler, drops, byRoute };
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

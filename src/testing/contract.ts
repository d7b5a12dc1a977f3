// The contract of an instrumentation, checked on calls of the library that it is for: the app sees no difference, and the trace is whole.
import { trace } from "@opentelemetry/api";
import { isDeepStrictEqual } from "node:util";
import { describeError } from "../diagnostics/describe-error.ts";
import type { TestKit } from "./kit.ts";
import type { TestSpan } from "./spans.ts";

export interface ContractOptions {
  /** A call that works; it is made several times. */
  readonly succeeds: () => unknown;
  /** What it returns, or resolves with. @default not looked at */
  readonly result?: unknown;
  /** A call that fails; it is made several times. @default none */
  readonly fails?: () => unknown;
  /** What it throws, or is rejected with: the very object, or a part of its message. @default any */
  readonly error?: unknown;
  /** Of the span of a call. @default any */
  readonly kind?: TestSpan["kind"];
  /** Milliseconds in which a span has to end after its call. @default 1000 */
  readonly timeoutMs?: number;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Throws one error that names every clause that is broken. */
export async function assertContract(kit: TestKit, options: ContractOptions): Promise<void> {
  const problems = await contractProblems(kit, options);
  if (problems.length > 0) throw new Error(`The contract of instrumentations is broken:\n- ${problems.join("\n- ")}`);
}

/** What is broken, one sentence each; empty where all is well. */
export async function contractProblems(kit: TestKit, options: ContractOptions): Promise<string[]> {
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(problem);
  await checkSuccess(kit, options, say);
  await checkContext(kit, options, say);
  await checkSuppressed(kit, options, say);
  if (options.fails !== undefined) await checkFailure(kit, options, options.fails, say);
  kit.reset();
  return [...new Set(problems)];
}

async function checkSuccess(kit: TestKit, options: ContractOptions, say: (problem: string) => void): Promise<void> {
  kit.reset();
  const outcome = await outcomeOf(() => kit.inSpan("parent", options.succeeds));
  if ("error" in outcome) say(`the call that is to succeed fails (${describeError(outcome.error)})`);
  else if ("result" in options && !isDeepStrictEqual(outcome.value, options.result))
    say("the result is not the library's");
  const spans = await spansOf(kit, options, say);
  if (spans.length === 0) say("a call makes no span");
  const parent = kit.spans().find(({ name }) => name === "parent");
  if (spans.some(({ traceId }) => traceId !== parent?.traceId)) say("the span of a call is not in the caller's trace");
  if (spans.some(({ status }) => status === "ERROR")) say("the span of a call that succeeds is marked as failed");
  const { kind } = options;
  if (kind !== undefined && spans.length > 0 && !spans.some((span) => span.kind === kind))
    say(`no span is of the kind ${kind}`);
}

/** Two calls at once, each in a request of its own, and what is active around them. */
async function checkContext(kit: TestKit, options: ContractOptions, say: (problem: string) => void): Promise<void> {
  kit.reset();
  const call = (name: string): Promise<Outcome> =>
    kit.inSpan(name, async () => {
      const before = trace.getActiveSpan();
      const running = outcomeOf(options.succeeds);
      if (trace.getActiveSpan() !== before) say("after a call was made another span is active than before");
      const outcome = await running;
      if (trace.getActiveSpan() !== before) say("after a call has ended another span is active than before");
      return outcome;
    });
  await Promise.all([call("first"), call("second")]);
  await spansOf(kit, options, say);
  const traces = new Map<string, number>();
  for (const { traceId } of kit.spans()) traces.set(traceId, (traces.get(traceId) ?? 0) + 1);
  if (new Set(traces.values()).size > 1 || traces.size !== 2)
    say("of two calls at once, one is in the trace of the other");

  kit.reset();
  await outcomeOf(options.succeeds);
  if (trace.getActiveSpan() !== undefined) say("after a call outside of a request its span is still active");
  await spansOf(kit, options, say);
}

async function checkSuppressed(kit: TestKit, options: ContractOptions, say: (problem: string) => void): Promise<void> {
  kit.reset();
  const outcome = await outcomeOf(() => kit.untraced(options.succeeds));
  if ("error" in outcome) say("a call fails where nothing is to be traced");
  else if ("result" in options && !isDeepStrictEqual(outcome.value, options.result))
    say("the result is not the library's where nothing is to be traced");
  if (kit.spans().length + kit.unendedSpans().length > 0) say("a call makes a span where nothing is to be traced");
}

async function checkFailure(
  kit: TestKit,
  options: ContractOptions,
  fails: () => unknown,
  say: (problem: string) => void,
): Promise<void> {
  kit.reset();
  const outcome = await outcomeOf(() => kit.inSpan("parent", fails));
  if (!("error" in outcome)) say("the call that is to fail does not: its error is kept from the app");
  else if (!isExpected(outcome.error, options.error))
    say(`the error is not the library's (${describeError(outcome.error)})`);
  const spans = await spansOf(kit, options, say);
  const failed = spans.filter(({ status }) => status === "ERROR");
  if (failed.length === 0) say("the span of a call that fails is not marked as failed");
  else if (failed.some(({ attributes }) => attributes["error.type"] === undefined))
    say("a failed span has no error.type");
}

/** The spans of the calls, once all that have begun have ended. */
async function spansOf(
  kit: TestKit,
  { timeoutMs = 1000 }: ContractOptions,
  say: (problem: string) => void,
): Promise<TestSpan[]> {
  const begun = kit.spans().length + kit.unendedSpans().length;
  await kit.waitForSpans(begun, timeoutMs).catch(() => {});
  for (const { name } of kit.unendedSpans()) say(`the span "${name}" does not end`);
  return kit.spans().filter(({ scope }) => scope !== "test");
}

async function outcomeOf(run: () => unknown): Promise<Outcome> {
  try {
    return { value: await run() };
  } catch (error) {
    return { error };
  }
}

function isExpected(error: unknown, expected: unknown): boolean {
  if (expected === undefined || error === expected) return true;
  const { message } = (error ?? {}) as { readonly message?: unknown };
  if (typeof expected === "string") return String(message).includes(expected);
  return expected instanceof RegExp && expected.test(String(message));
}

// The contract finds what is wrong with an instrumentation: one for each clause, and the clause that it breaks.
import assert from "node:assert/strict";
import { type Span, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type PluginHost, defineInstrumentation } from "../../src/index.ts";
import { contractProblems, startTestKit } from "../../src/testing.ts";

type Query = (text: string) => Promise<string>;
type Instrument = (host: PluginHost, query: Query) => Query;

const ERROR = new Error("no such table");
const query: Query = async (text) => {
  await turn();
  if (text === "bad") throw ERROR;
  return `rows of ${text}`;
};

async function problemsOf(t: TestContext, instrument: Instrument): Promise<string[]> {
  const plugin = defineInstrumentation({
    name: "table",
    start(host) {
      host.watchModule("table", (library: { query: Query }) => {
        library.query = instrument(host, library.query);
      });
    },
  });
  const kit = startTestKit({ plugins: [plugin] });
  t.after(() => kit.stop());
  const library = kit.load("table", { query });
  return contractProblems(kit, {
    succeeds: () => library.query("good"),
    result: "rows of good",
    fails: () => library.query("bad"),
    error: ERROR,
    kind: "CLIENT",
    timeoutMs: 50,
  });
}

const inSpan = (host: PluginHost, run: (span: Span) => Promise<string>): Promise<string> =>
  host.client("query", {}, run);

test("contractProblems finds nothing to say of an instrumentation by host.client", async (t) => {
  assert.deepEqual(await problemsOf(t, (host, query) => (text) => inSpan(host, () => query(text))), []);
});

for (const [what, instrument, expected] of [
  [
    "makes no span",
    (_host, query) => query,
    ["a call makes no span", "the span of a call that fails is not marked as failed"],
  ],
  [
    "makes another result",
    (host, query) => async (text) => `${await inSpan(host, () => query(text))}!`,
    ["the result is not the library's", "the result is not the library's where nothing is to be traced"],
  ],
  [
    "makes another error",
    (host, query) => (text) =>
      inSpan(host, () => query(text)).catch(() => {
        throw new Error("wrapped");
      }),
    ["the error is not the library's (Error: wrapped)"],
  ],
  [
    "keeps the error",
    (host, query) => (text) => inSpan(host, () => query(text)).catch(() => ""),
    ["the call that is to fail does not: its error is kept from the app"],
  ],
  [
    "ends no span of a failure",
    (host, query) => async (text) => {
      const span = host.tracer.startSpan("query", { kind: 2 });
      const result = await query(text);
      span.end();
      return result;
    },
    ['the span "query" does not end', "the span of a call that fails is not marked as failed"],
  ],
  [
    "marks no failure",
    (host, query) => async (text) => {
      const span = host.tracer.startSpan("query", { kind: 2 });
      try {
        return await query(text);
      } finally {
        span.end();
      }
    },
    ["the span of a call that fails is not marked as failed"],
  ],
  [
    "names no type of error",
    (host, query) => async (text) => {
      const span = host.tracer.startSpan("query", { kind: 2 });
      try {
        return await query(text);
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },
    ["a failed span has no error.type"],
  ],
  [
    "marks every call as failed",
    (host, query) => (text) =>
      inSpan(host, async (span) => {
        const result = await query(text);
        span.setStatus({ code: SpanStatusCode.ERROR });
        return result;
      }),
    ["the span of a call that succeeds is marked as failed"],
  ],
  [
    "makes another kind of span",
    (host, query) => (text) => host.internal("query", {}, () => query(text)),
    ["no span is of the kind CLIENT"],
  ],
  [
    "begins a trace of its own",
    (host, query) => async (text) => {
      const span = host.tracer.startSpan("query", { kind: 2, root: true });
      return query(text).then(
        (result) => {
          host.end(span);
          return result;
        },
        (error: unknown) => {
          host.end(span, error);
          throw error;
        },
      );
    },
    ["the span of a call is not in the caller's trace", "of two calls at once, one is in the trace of the other"],
  ],
  [
    "leaves its span active",
    (host, query) => (text) => {
      const span = host.tracer.startSpan("query", { kind: 2 });
      context.attach(trace.setSpan(context.active(), span));
      return query(text).then(
        (result) => {
          host.end(span);
          return result;
        },
        (error: unknown) => {
          host.end(span, error);
          throw error;
        },
      );
    },
    [
      "after a call was made another span is active than before",
      "after a call has ended another span is active than before",
      "after a call outside of a request its span is still active",
    ],
  ],
] as const satisfies readonly (readonly [string, Instrument, readonly string[]])[]) {
  test(`contractProblems says it of an instrumentation that ${what}`, async (t) => {
    assert.deepEqual(await problemsOf(t, instrument), expected);
  });
}

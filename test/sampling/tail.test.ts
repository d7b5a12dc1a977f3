// Each test starts spans as an app does, on the SDK with redtrail's sampler, and looks at what an exporter behind it gets.
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { TailSamplingSpanProcessor } from "../../src/processors/tail-sampling.ts";
import { isSent } from "../../src/sampling/local-trace.ts";
import { RecordForTailSampler } from "../../src/sampling/record-for-tail.ts";
import { type SamplingRule, parseSamplingRule } from "../../src/sampling/rules.ts";
import { Tail, type TailOptions } from "../../src/sampling/tail.ts";
import { createVerdict } from "../../src/sampling/verdict.ts";
import { samplingOf } from "../support/sampling.ts";

interface App {
  readonly tracer: Tracer;
  readonly tail: Tail;
  /** What the exporter has got: `name`, or `name (reason)` of a marked root. */
  sent(): string[];
  readonly spans: ReadableSpan[];
  /** Spans that could be looked up when they ended, as an exemplar has to know. */
  readonly known: string[];
}

function createApp(given: Parameters<typeof samplingOf>[0] & { readonly rulesText?: string }): App {
  const { rulesText = "", ...rest } = given;
  const rules = rulesText
    .split(";")
    .filter(Boolean)
    .map((text) => parseSamplingRule(text) as SamplingRule);
  const { sampler, tail } = samplingOf({ ...rest, rules }, { feedsMetrics: true });
  return appOf(sampler, tail as Tail);
}

/** An app that samples nothing, with a tail of its own. */
function createBounded(options: Partial<TailOptions>): App {
  const verdict = createVerdict();
  const all = {
    errors: "any",
    slowMs: undefined,
    maxSpans: 100,
    decidesEachSpan: false,
    rateLimit: undefined,
  } as const;
  const tail = new Tail({ ...all, verdict, ...options });
  return appOf(new RecordForTailSampler(new ParentBasedSampler({ root: new AlwaysOffSampler() }), tail, verdict), tail);
}

function appOf(sampler: Sampler, tail: Tail): App {
  const spans: ReadableSpan[] = [];
  const known: string[] = [];
  const processor = (onEnd: (span: ReadableSpan) => void): SpanProcessor => ({
    onStart: () => {},
    onEnd,
    forceFlush: async () => {},
    shutdown: async () => {},
  });
  const exporter = processor((span) => {
    // As every exporting processor of the SDK does.
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) spans.push(span);
  });
  const behind = processor((span) => void (isSent(span) && known.push(span.name)));
  const spanProcessors = [new TailSamplingSpanProcessor(tail, [exporter]), behind];
  return {
    tracer: new TracerProvider({ sampler, spanProcessors }).getTracer("test"),
    tail,
    spans,
    known,
    sent: () =>
      spans.map(({ name, attributes }) => {
        const reason = attributes["redtrail.sampling.kept"];
        return reason === undefined ? name : `${name} (${String(reason)})`;
      }),
  };
}

const T = "0af7651916cd43dd8448eb211c80319c";
const remote = (traceFlags: number) =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId: T, spanId: "b7ad6b7169203331", traceFlags, isRemote: true });

function begin({ tracer }: App, attributes: Attributes = {}, context = ROOT_CONTEXT, startTime?: number): Span {
  const options = { kind: SpanKind.SERVER, attributes, ...(startTime === undefined ? {} : { startTime }) };
  return tracer.startSpan("request", options, context);
}

function child({ tracer }: App, parent: Span, name: string, kind: SpanKind = SpanKind.INTERNAL): Span {
  return tracer.startSpan(name, { kind }, trace.setSpan(ROOT_CONTEXT, parent));
}

function fail(span: Span): Span {
  return span.setStatus({ code: SpanStatusCode.ERROR });
}

/** A request with a call below an internal span; `during` is what happens before it ends. */
function request(app: App, during: (spans: { root: Span; inner: Span; call: Span }) => void, root = begin(app)): void {
  const inner = child(app, root, "inner");
  const call = child(app, inner, "call", SpanKind.CLIENT);
  during({ root, inner, call });
  call.end();
  inner.end();
  root.end();
}

const OFF = { sampler: "parentbased_always_off" } as const;

for (const [keepErrors, who, expected] of [
  ["any", "nobody", []],
  ["any", "root", ["call", "inner", "request (error)"]],
  ["any", "inner", ["call", "inner", "request (error)"]],
  ["any", "call", ["call", "inner", "request (error)"]],
  ["root", "root", ["call", "inner", "request (error)"]],
  ["root", "call", []],
  ["none", "root", []],
] as const) {
  test(`Tail: errors of ${keepErrors} are kept, ${who} fails: ${expected.length} spans are sent`, () => {
    const app = createApp({ ...OFF, keepErrors, keepSlowMs: 10_000 });
    request(app, (spans) => who !== "nobody" && fail(spans[who]));
    assert.deepEqual(app.sent(), expected);
    assert.equal(app.tail.waitingSpans, 0);
    assert.equal(app.tail.kept.error, expected.length === 0 ? 0 : 1);
  });
}

const NOW = Date.now();
for (const [title, ms, attributes, expected] of [
  ["as long as the limit", 250, {}, []],
  ["longer than the limit", 251, {}, ["inner", "request (slow)"]],
  ["a long event stream", 9_000, { "redtrail.http.streaming": true }, []],
  ["left in the midst of the answer", 9_000, { "error.type": "client_aborted", "http.response.status_code": 200 }, []],
  ["left before the answer", 9_000, { "error.type": "client_aborted" }, ["inner", "request (slow)"]],
  ["cancelled in the midst of the answer", 9_000, { "error.type": "cancelled", "http.response.status_code": 200 }, []],
  [
    "an answer cut short by the app",
    9_000,
    { "error.type": "incomplete_response", "http.response.status_code": 200 },
    ["inner", "request (slow)"],
  ],
] as const) {
  test(`Tail: of requests above 250 ms, ${title} is ${expected.length === 0 ? "not " : ""}kept`, () => {
    const app = createApp({ ...OFF, keepSlowMs: 250 });
    const root = begin(app, attributes, ROOT_CONTEXT, NOW);
    child(app, root, "inner").end();
    root.end(NOW + ms);
    assert.deepEqual(app.sent(), expected);
  });
}

test("Tail: a failure before a slow end is the reason", () => {
  const app = createApp({ ...OFF, keepSlowMs: 250, keepErrors: "any" });
  const root = begin(app, {}, ROOT_CONTEXT, NOW);
  fail(child(app, root, "inner")).end();
  root.end(NOW + 251);
  assert.deepEqual(app.sent(), ["inner", "request (error)"]);
  assert.deepEqual(app.tail.kept, { error: 1, slow: 0, route: 0 });
});

test("Tail: a failure is sent at once, with what came before it, and what comes after follows", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  const root = begin(app);
  child(app, root, "before").end();
  const open = child(app, root, "open");
  assert.deepEqual(app.sent(), []);
  fail(child(app, root, "failed")).end();
  assert.deepEqual(app.sent(), ["before", "failed"]);
  root.end();
  open.end();
  child(app, open, "late").end();
  assert.deepEqual(app.sent(), ["before", "failed", "request (error)", "open", "late"]);
  assert.ok(app.spans.every((span) => span.spanContext().traceFlags === TraceFlags.SAMPLED));
});

test("Tail: what ends after a request that is not kept is not sent either, a failure included", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  const root = begin(app);
  const open = child(app, root, "open");
  root.end();
  fail(open).end();
  assert.equal(child(app, root, "late").isRecording(), false);
  assert.deepEqual([app.sent(), app.tail.waitingSpans], [[], 0]);
});

test("Tail: a call that has failed before its request ends counts, though it ends after it", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  const root = begin(app);
  const [first, call, last] = ["first", "call", "last"].map((name) => child(app, root, name)) as [Span, Span, Span];
  first.end();
  fail(call);
  last.end();
  root.end();
  assert.deepEqual(app.sent(), ["first", "last", "request (error)"]);
  call.end();
  assert.deepEqual(app.sent(), ["first", "last", "request (error)", "call"]);
  const other = begin(app);
  child(app, other, "ended").end();
  fail(child(app, begin(app), "of another, and open"));
  child(app, other, "open");
  other.end();
  assert.equal(app.sent().length, 4);
});

test("Tail: calls that have ended take no place among those that are looked at when the request ends", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  const root = begin(app);
  for (let count = 0; count < 200; count++) child(app, root, "ended").end();
  fail(child(app, root, "open"));
  root.end();
  assert.equal(app.sent().at(-1), "request (error)");
});

test("Tail: what rules say of one request says nothing of the next, for which its caller has decided", () => {
  const dropping = createApp({ rulesText: "drop path=/healthz", keepErrors: "any" });
  fail(begin(dropping, { "url.path": "/healthz" })).end();
  fail(begin(dropping, { "url.path": "/healthz" }, remote(TraceFlags.NONE))).end();
  assert.deepEqual(dropping.sent(), ["request (error)"]);
  const byRoute = createApp({ rulesText: "drop route=/healthz" });
  begin(byRoute).setAttribute("http.route", "/healthz").end();
  begin(byRoute, {}, remote(TraceFlags.SAMPLED)).setAttribute("http.route", "/healthz").end();
  assert.deepEqual(byRoute.sent(), ["request"]);
});

test("Tail: other services hear that the trace is not sampled, before and after the decision", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  request(app, ({ root, call }) => {
    fail(call);
    assert.equal(call.spanContext().traceFlags, TraceFlags.NONE);
    call.end();
    assert.equal(child(app, root, "next").spanContext().traceFlags, TraceFlags.NONE);
  });
  assert.ok(app.sent().includes("call"));
});

test("Tail: a caller's `not sampled` keeps nobody from keeping this service's part, parent included", () => {
  const app = createApp({ keepErrors: "any" });
  request(app, ({ call }) => void fail(call), begin(app, {}, remote(TraceFlags.NONE)));
  assert.deepEqual(app.sent(), ["call", "inner", "request (error)"]);
  assert.equal(app.spans[2]?.spanContext().traceId, T);
  assert.equal(app.spans[2]?.parentSpanContext?.spanId, "b7ad6b7169203331");
});

test("Tail: two requests of one trace are decided each for itself", () => {
  const app = createApp({ keepErrors: "any" });
  const [one, other] = [begin(app, { n: 1 }, remote(TraceFlags.NONE)), begin(app, { n: 2 }, remote(TraceFlags.NONE))];
  child(app, other, "of the other").end();
  child(app, one, "of the one").end();
  fail(one).end();
  other.end();
  assert.deepEqual(app.sent(), ["of the one", "request (error)"]);
});

test("Tail: what is sampled goes out at once, unmarked, and is not followed", () => {
  const app = createApp({ keepErrors: "any", keepSlowMs: 1 });
  const root = begin(app, {}, ROOT_CONTEXT, NOW);
  fail(child(app, root, "inner")).end();
  assert.deepEqual(app.sent(), ["inner"]);
  root.end(NOW + 100);
  assert.deepEqual(app.sent(), ["inner", "request"]);
  assert.deepEqual(app.tail.kept, { error: 0, slow: 0, route: 0 });
});

test("Tail: where each span is decided alone, those that are not sampled are kept with a failure", () => {
  // As traceidratio decides for ids that its ratio splits; here by name, so that it is known which.
  const verdict = createVerdict();
  const tail = new Tail({
    ...{ errors: "any", slowMs: undefined, maxSpans: 10, decidesEachSpan: true, verdict, rateLimit: undefined },
  });
  const byName: Sampler = { shouldSample: (_, __, name) => ({ decision: name === "inner" ? 0 : 2 }) };
  const app = appOf(new RecordForTailSampler(byName, tail, verdict), tail);
  request(app, () => {});
  assert.deepEqual(app.sent(), ["call", "request"]);
  request(app, ({ call }) => void fail(call));
  assert.deepEqual(app.sent(), ["call", "request", "call", "inner", "request (error)"]);
});

test("createSampling follows nothing where nothing is kept, or nobody would send it", () => {
  assert.equal(samplingOf().tail, undefined);
  assert.equal(samplingOf({ rules: [parseSamplingRule("drop path=/a") as SamplingRule] }).tail, undefined);
  assert.equal(samplingOf({ keepErrors: "any" }, { exportsSpans: false }).tail, undefined);
});

for (const [rulesText, sampler, route, failing, expected] of [
  ["drop route=/healthz", "parentbased_always_on", "/healthz", false, []],
  ["drop route=/healthz", "parentbased_always_on", "/healthz", true, []],
  ["drop route=/healthz", "parentbased_always_on", "/users/:id", false, ["call", "inner", "request"]],
  ["drop route=/healthz", "parentbased_always_on", undefined, false, ["call", "inner", "request"]],
  ["drop route=/healthz", "parentbased_always_off", "/users/:id", true, ["call", "inner", "request (error)"]],
  ["0 route=/healthz", "parentbased_always_on", "/healthz", false, []],
  ["0 route=/healthz", "parentbased_always_on", "/healthz", true, ["call", "inner", "request (error)"]],
  ["drop route=*", "parentbased_always_on", "/a", false, []],
  ["drop route=*", "parentbased_always_on", undefined, false, ["call", "inner", "request"]],
  ["keep route=/users/:id", "parentbased_always_off", "/users/:id", false, ["call", "inner", "request (route)"]],
  ["keep route=/users/:id", "parentbased_always_off", "/other", false, []],
  // The first rule that fits decides, whatever it needs to know.
  ["keep route=/a; drop route=/*", "parentbased_always_on", "/a", false, ["call", "inner", "request"]],
  ["keep route=/a; drop route=/*", "parentbased_always_on", "/b", false, []],
  ["keep path=/p; drop route=/*", "parentbased_always_on", "/a", false, ["call", "inner", "request"]],
  ["keep path=/q; drop route=/*", "parentbased_always_on", "/a", false, []],
  ["keep route=/a; drop path=/p", "parentbased_always_on", "/a", false, ["call", "inner", "request (route)"]],
  ["keep route=/a; drop path=/p", "parentbased_always_on", "/b", true, []],
  ["keep route=/a; 0 path=/p", "parentbased_always_on", "/b", true, ["call", "inner", "request (error)"]],
  ["drop path=/p", "parentbased_always_on", "/a", true, []],
  ["0 path=/p", "parentbased_always_on", "/a", true, ["call", "inner", "request (error)"]],
  ["drop method=POST route=/a", "parentbased_always_on", "/a", false, ["call", "inner", "request"]],
  ["drop method=GET route=/a", "parentbased_always_on", "/a", false, []],
] as const) {
  const title = `${sampler}, ${rulesText}: ${route ?? "no route"}${failing ? ", failing" : ""}`;
  test(`Tail: ${title}: ${expected.length === 0 ? "dropped" : expected[2]}`, () => {
    const app = createApp({ sampler, rulesText, keepErrors: "any" });
    const root = begin(app, { "url.path": "/p", "http.request.method": "GET" });
    request(
      app,
      ({ call }) => {
        if (failing) fail(call);
        if (route !== undefined) root.setAttribute("http.route", route);
      },
      root,
    );
    assert.deepEqual(app.sent(), expected);
    assert.equal(app.tail.waitingSpans, 0);
  });
}

test("Tail: rules by route hold nothing back that they cannot be for", () => {
  const app = createApp({ rulesText: "drop method=POST route=/a; keep header.x-debug=*; drop route=/b" });
  const get = begin(app, { "http.request.method": "GET", "http.request.header.x-debug": ["1"] });
  child(app, get, "at once").end();
  assert.deepEqual(app.sent(), ["at once"]);
  const job = app.tracer.startSpan("job", { kind: SpanKind.CONSUMER }, ROOT_CONTEXT);
  child(app, job, "of a job").end();
  assert.deepEqual(app.sent(), ["at once", "of a job"]);
  const debugged = begin(app, {}, remote(TraceFlags.SAMPLED));
  child(app, debugged, "of a caller").end();
  assert.deepEqual(app.sent(), ["at once", "of a job", "of a caller"]);
  child(app, begin(app, { "http.request.method": "GET" }), "waits").end();
  assert.equal(app.tail.waitingSpans, 1);
});

test("Tail: a ratio by route goes by the trace id, as a ratio by path does", () => {
  const byRoute = createApp({ rulesText: "0.3 route=/a" });
  const ids: string[] = [];
  for (let count = 0; count < 300; count++) {
    const root = begin(byRoute, { "url.path": "/a" });
    ids.push(root.spanContext().traceId);
    root.setAttribute("http.route", "/a").end();
  }
  const byPath = samplingOf({ rules: [parseSamplingRule("0.3 path=/a") as SamplingRule] }).sampler;
  const expected = ids.filter(
    (id) => byPath.shouldSample(ROOT_CONTEXT, id, "x", SpanKind.SERVER, { "url.path": "/a" }, []).decision === 2,
  );
  assert.ok(expected.length > 40 && expected.length < 150, String(expected.length));
  assert.deepEqual(
    byRoute.spans.map((span) => span.spanContext().traceId),
    expected,
  );
});

test("Tail: the limit of traces per second holds for what rules by route keep, and not for what they drop", (t) => {
  t.mock.method(performance, "now", () => 1_000);
  const end = (app: App, route: string): void => begin(app).setAttribute("http.route", route).end();
  const dropping = createApp({ rulesText: "drop route=/healthz", perSecond: 2 });
  for (let count = 0; count < 5; count++) end(dropping, "/healthz");
  for (let count = 0; count < 5; count++) end(dropping, "/a");
  assert.equal(dropping.spans.length, 2);
  const keeping = createApp({ ...OFF, rulesText: "keep route=/a", perSecond: 2 });
  for (let count = 0; count < 5; count++) end(keeping, "/a");
  assert.equal(keeping.spans.length, 2);
});

test("Tail: of one trace so many spans wait at most; its root tells how many are missing", () => {
  const app = createBounded({ limits: { maxSpansPerTrace: 3 } });
  const root = begin(app);
  for (let count = 0; count < 5; count++) child(app, root, `${count}`).end();
  assert.equal(app.tail.waitingSpans, 3);
  fail(root).end();
  assert.deepEqual(app.sent(), ["0", "1", "2", "request (error)"]);
  assert.equal(app.spans[3]?.attributes["redtrail.sampling.left_out"], 2);
  assert.deepEqual(app.tail.leftOut, { trace_limit: 2, limit: 0, age: 0 });
});

test("Tail: beyond the limit of all spans the trace that waits longest is given up, and its root is still kept", () => {
  const app = createBounded({ maxSpans: 3 });
  const [oldest, newer] = [begin(app), begin(app)];
  child(app, oldest, "old").end();
  child(app, oldest, "old").end();
  child(app, newer, "new").end();
  assert.equal(app.tail.waitingSpans, 3);
  child(app, newer, "new").end();
  assert.equal(app.tail.waitingSpans, 2);
  child(app, oldest, "after").end();
  assert.deepEqual([app.tail.waitingSpans, app.tail.leftOut], [2, { trace_limit: 0, limit: 3, age: 0 }]);
  fail(oldest).end();
  assert.deepEqual(app.sent(), ["request (error)"]);
  assert.equal(app.spans[0]?.attributes["redtrail.sampling.left_out"], 3);
  fail(newer).end();
  assert.deepEqual(app.sent().slice(1), ["new", "new", "request (error)"]);
  assert.equal("redtrail.sampling.left_out" in (app.spans[3]?.attributes ?? {}), false);
});

test("Tail: a trace whose root does not end gives its place up with time", () => {
  let now = 0;
  const app = createBounded({ limits: { maxAgeMs: 1_000 }, now: () => now });
  const [hanging, later] = [begin(app), begin(app)];
  child(app, hanging, "a").end();
  now = 1;
  child(app, later, "b").end();
  now = 999;
  app.tail.sweep();
  assert.equal(app.tail.waitingSpans, 2);
  now = 1_000;
  app.tail.sweep();
  child(app, hanging, "a").end();
  assert.deepEqual([app.tail.waitingSpans, app.tail.leftOut.age], [1, 2]);
  fail(hanging).end();
  assert.deepEqual(app.sent(), ["request (error)"]);
});

test("Tail: 100,000 requests that never end leave no more spans than the limit", () => {
  const app = createBounded({ maxSpans: 1_000 });
  for (let count = 0; count < 100_000; count++) child(app, begin(app), "x").end();
  assert.equal(app.tail.waitingSpans, 1_000);
  assert.equal(app.tail.leftOut.limit, 99_000);
});

test("Tail: exemplars know of each span that has ended whether it is sent", () => {
  const kept = createApp({ ...OFF, keepErrors: "any" });
  request(kept, () => {});
  assert.deepEqual(kept.known, []);
  request(kept, ({ call }) => void fail(call));
  assert.deepEqual(kept.known, ["call", "inner", "request"]);
  const dropped = createApp({ rulesText: "drop route=/a" });
  request(dropped, ({ root }) => void root.setAttribute("http.route", "/a"));
  // While nothing is decided the flag is believed.
  assert.deepEqual(dropped.known, ["call", "inner"]);
});

test("TailSamplingSpanProcessor gives exporters all that a span has", () => {
  const app = createApp({ ...OFF, keepErrors: "any" });
  const link = { context: { traceId: T, spanId: "b7ad6b7169203331", traceFlags: 0 } };
  const span = app.tracer.startSpan("x", { attributes: { a: 1 }, links: [link] }, remote(TraceFlags.NONE));
  fail(span.addEvent("event")).end();
  const original = span as unknown as ReadableSpan;
  const [sent] = app.spans as [ReadableSpan];
  assert.notEqual(sent, original);
  for (const key of [
    ...([
      "name",
      "kind",
      "parentSpanContext",
      "startTime",
      "endTime",
      "status",
      "attributes",
      "links",
      "events",
    ] as const),
    ...(["duration", "ended", "resource", "instrumentationScope", "droppedAttributesCount"] as const),
    ...(["droppedEventsCount", "droppedLinksCount"] as const),
  ]) {
    assert.equal(sent[key], original[key], key);
    assert.notEqual(sent[key], undefined, key);
  }
  assert.deepEqual(sent.spanContext(), { ...original.spanContext(), traceFlags: TraceFlags.SAMPLED });
});

test("TailSamplingSpanProcessor.onEnd lets nothing through that an exporter throws", () => {
  const { sampler, tail } = samplingOf({ keepErrors: "any" });
  const exporter: SpanProcessor = {
    onStart: () => {},
    onEnd: () => assert.fail("no exporter"),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const spanProcessors = [new TailSamplingSpanProcessor(tail as Tail, [exporter])];
  new TracerProvider({ sampler, spanProcessors }).getTracer("test").startSpan("x").end();
});

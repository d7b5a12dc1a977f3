import assert from "node:assert/strict";
import test from "node:test";
import { type SpanOptions, SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { RedactionSpanProcessor } from "../../src/processors/redaction.ts";
import { createRedactor } from "../../src/redaction/redactor.ts";

const SECRET = "s3cret";

function createTracer(redactor = createRedactor()) {
  const exporter = new InMemorySpanExporter();
  const processor = new RedactionSpanProcessor(redactor);
  const spanProcessors = [processor, new SimpleSpanProcessor({ exporter })];
  return { exporter, processor, tracer: new TracerProvider({ spanProcessors }).getTracer("of somebody else") };
}

test("RedactionSpanProcessor redacts attributes, events, links, status and name before whoever comes behind it", async () => {
  const { exporter, processor, tracer } = createTracer();
  const context = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };
  const options: SpanOptions = {
    attributes: { "http.url": `https://u:${SECRET}@h/?a=1` },
    links: [{ context, attributes: { "url.query": `token=${SECRET}` } }],
  };
  const span = tracer.startSpan(`GET /a?token=${SECRET}`, options);
  span.setAttribute("db.statement", `SELECT '${SECRET}'`);
  span.addEvent(`to redis://:${SECRET}@h`, { "url.full": `/?token=${SECRET}` });
  span.addEvent("nothing");
  span.addLink({ context });
  const error = new Error(`no answer from https://u:${SECRET}@h/?token=${SECRET}`);
  span.recordException(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  span.end();

  const [exported] = exporter.getFinishedSpans() as [ReadableSpan];
  const { name, attributes, events, links, status } = exported;
  assert.doesNotMatch(JSON.stringify({ name, attributes, events, links, status }), new RegExp(SECRET));
  assert.equal(name, "GET /a?token=REDACTED");
  assert.deepEqual(attributes, { "http.url": "https://REDACTED:REDACTED@h/?a=1", "db.statement": "SELECT ?" });
  assert.deepEqual(events[0]?.attributes, { "url.full": "/?token=REDACTED" });
  const message = "no answer from https://REDACTED:REDACTED@h/?token=REDACTED";
  assert.equal(events[2]?.attributes?.["exception.message"], message);
  assert.ok(String(events[2]?.attributes?.["exception.stacktrace"]).startsWith(`Error: ${message}\n    at `));
  assert.deepEqual(links[0]?.attributes, { "url.query": "token=REDACTED" });
  assert.deepEqual(status, { code: SpanStatusCode.ERROR, message });
  await processor.forceFlush();
  await processor.shutdown();
});

test("RedactionSpanProcessor sees what other processors add while the span ends", () => {
  const exporter = new InMemorySpanExporter();
  const adding = {
    onStart: () => {},
    onEnding: (span: { setAttribute(key: string, value: string): unknown }) =>
      void span.setAttribute("url.query", `token=${SECRET}`),
    onEnd: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const spanProcessors = [new RedactionSpanProcessor(createRedactor()), adding, new SimpleSpanProcessor({ exporter })];
  new TracerProvider({ spanProcessors }).getTracer("test").startSpan("a").end();
  assert.deepEqual(exporter.getFinishedSpans()[0]?.attributes, { "url.query": "token=REDACTED" });
});

test("RedactionSpanProcessor leaves a span without secrets as it is", () => {
  const { exporter, tracer } = createTracer();
  const attributes = {
    "url.full": "https://h/a?b=c",
    "http.request.method": "GET",
    list: ["a"],
    map: { a: 1 },
    n: 1.5,
  };
  const span = tracer.startSpan("GET /a", { attributes });
  span.setStatus({ code: SpanStatusCode.OK });
  span.end();
  const [exported] = exporter.getFinishedSpans() as [ReadableSpan];
  assert.deepEqual(exported.attributes, attributes);
  assert.equal(exported.name, "GET /a");
  assert.deepEqual(exported.status, { code: SpanStatusCode.OK });
});

test("RedactionSpanProcessor never throws, and lets nothing through that it could not redact", () => {
  const processor = new RedactionSpanProcessor(createRedactor());
  const frozen = {
    name: "a",
    attributes: Object.freeze({ "url.query": `token=${SECRET}` }),
    events: [{ name: "b", attributes: { "url.query": `token=${SECRET}` } }],
    links: [],
    status: { code: SpanStatusCode.ERROR, message: `https://u:${SECRET}@h` },
  };
  processor.onEnd(frozen as unknown as ReadableSpan);
  assert.deepEqual(frozen, {
    name: "REDACTED",
    attributes: {},
    events: [],
    links: [],
    status: { code: SpanStatusCode.ERROR },
  });
  processor.onEnd(Object.freeze({ ...frozen, attributes: null }) as unknown as ReadableSpan);
  processor.onEnd(null as unknown as ReadableSpan);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { type DocumentOptions, createDocumentWriter } from "../../src/request-log/document.ts";
import type { RequestRecord } from "../../src/request-log/record.ts";

const RECORD: RequestRecord = {
  startTime: 1_795_520_478_535,
  durationMs: 7.7116,
  method: "GET",
  attributes: {
    "url.path": "/users/7",
    "url.query": "token=abc&b=1",
    "url.scheme": "https",
    "server.address": "shop.example",
    "client.address": "10.0.0.9",
    "user_agent.original": "curl/8",
    "network.protocol.version": "1.1",
  },
  requestId: "r-1",
  spanContext: { traceId: "cc74d84af2fd0554a573ab80b38871d0", spanId: "290d5241675e92e3", traceFlags: 0 },
  context: ROOT_CONTEXT,
  route: "/users/:id",
  statusCode: 200,
  errorType: undefined,
};

function write(record: Partial<RequestRecord> = {}, options: Partial<DocumentOptions> = {}): Record<string, unknown> {
  const resourceAttributes = {
    "service.name": "shop",
    "service.version": "1.2",
    "deployment.environment.name": "prod",
  };
  const text = createDocumentWriter({ schema: "ecs", resourceAttributes, ...options })({ ...RECORD, ...record });
  assert.doesNotMatch(text, /[\n\t]/);
  return JSON.parse(text) as Record<string, unknown>;
}

test("createDocumentWriter writes ECS by default", () => {
  assert.deepEqual(write(), {
    "@timestamp": "2026-11-24T11:41:18.535Z",
    "http.request.id": "r-1",
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "http.version": "1.1",
    "http.route": "/users/:id",
    "url.path": "/users/7",
    "url.query": "token=abc&b=1",
    "url.scheme": "https",
    "url.domain": "shop.example",
    "event.duration": 7_711_600,
    "event.outcome": "success",
    "event.category": "web",
    "event.kind": "event",
    "trace.id": "cc74d84af2fd0554a573ab80b38871d0",
    "span.id": "290d5241675e92e3",
    "transaction.id": "290d5241675e92e3",
    "client.address": "10.0.0.9",
    "user_agent.original": "curl/8",
    "service.name": "shop",
    "service.version": "1.2",
    "service.environment": "prod",
    "ecs.version": "8.17.0",
  });
});

test("createDocumentWriter writes the article's flat names, and both", () => {
  const article = write({}, { schema: "article" });
  assert.deepEqual(article, {
    "@timestamp": "2026-11-24T11:41:18.535Z",
    timestamp: 1_795_520_478.535,
    request_id: "r-1",
    method: "GET",
    path: "/users/7",
    status_code: 200,
    response_time: 7.712,
    trace_id: "cc74d84af2fd0554a573ab80b38871d0",
    span_id: "290d5241675e92e3",
    "service.name": "shop",
  });
  const { trace_id: _, span_id: __, ...flat } = article;
  assert.deepEqual(write({}, { schema: "both" }), { ...write(), ...flat });
});

test("createDocumentWriter tells failure, abort and success apart", () => {
  const outcome = (record: Partial<RequestRecord>) => {
    const document = write(record);
    return [document["event.outcome"], document["error.type"], document["http.response.status_code"]];
  };
  assert.deepEqual(outcome({ statusCode: 404 }), ["success", undefined, 404]);
  assert.deepEqual(outcome({ statusCode: 500, errorType: "500" }), ["failure", "500", 500]);
  assert.deepEqual(outcome({ statusCode: undefined, errorType: "client_aborted" }), [
    "unknown",
    "client_aborted",
    undefined,
  ]);
  assert.deepEqual(outcome({ statusCode: undefined, errorType: "incomplete_response" }), [
    "failure",
    "incomplete_response",
    undefined,
  ]);
});

test("createDocumentWriter cuts what is long, and leaves out what is not known", () => {
  const long = write({ attributes: { "url.path": `/${"a".repeat(1_022)}\u{1F600}` } });
  assert.equal(long["url.path"], `/${"a".repeat(1_022)}\uFFFD`);
  const bare = write({ requestId: undefined, spanContext: { traceId: "0", spanId: "0", traceFlags: 0 } });
  for (const key of ["http.request.id", "trace.id", "span.id"]) assert.equal(key in bare, false, key);
});

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { type Attributes, type Span, SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { finishDatabaseSpan, operationOf } from "../../../instrumentations/upstream/database.ts";
import { finishGrpcSpan } from "../../../instrumentations/upstream/grpc.ts";
import { type SpanRules, withSpanRules } from "../../../instrumentations/upstream/spans.ts";
import { recordSpans } from "../../support/spans.ts";

const recorded = recordSpans();
after(() => recorded.stop());

function tracerWith(rules: SpanRules, failures: unknown[] = []) {
  const provider = { getTracer: () => recorded.tracer };
  const host = { isOn: (name: string) => name === "pg", onFailure: (error: unknown) => failures.push(error) };
  return withSpanRules(provider, rules, host).getTracer("upstream");
}

test("withSpanRules: what is called below a span that is not admitted belongs to the span above it", () => {
  const tracer = tracerWith({ admits: (name) => name !== "connect" });
  const outer = recorded.tracer.startSpan("request");
  const connect = tracer.startSpan("connect", {}, trace.setSpan(context.active(), outer));
  const query = tracer.startSpan("query", {}, trace.setSpan(context.active(), connect));
  for (const span of [query, connect, outer]) span.end();
  const spans = recorded.take();
  assert.deepEqual(
    spans.map(({ name }) => name),
    ["query", "request"],
  );
  assert.equal(spans[0]?.parentSpanContext?.spanId, outer.spanContext().spanId);
});

test("withSpanRules: without a span above, what is called below one that is not admitted begins a trace", () => {
  const tracer = tracerWith({ admits: (name) => name !== "connect" });
  tracer.startSpan("query", {}, trace.setSpan(context.active(), tracer.startSpan("connect"))).end();
  assert.equal(recorded.take()[0]?.parentSpanContext, undefined);
});

test("withSpanRules asks with the attributes, and knows which instrumentations are on", () => {
  const tracer = tracerWith({ admits: (_, { driver }, isOn) => !isOn(String(driver)) });
  for (const driver of ["pg", "sqlite"]) tracer.startSpan(driver, { attributes: { driver } }).end();
  assert.deepEqual(
    recorded.take().map(({ name }) => name),
    ["sqlite"],
  );
});

test("withSpanRules: a call that is told twice is one span, and the next one another", () => {
  const tracer = tracerWith({ nests: false });
  const pool = tracer.startSpan("pool");
  const within = trace.setSpan(context.active(), pool);
  tracer.startSpan("connection", {}, within).end();
  pool.end();
  tracer.startSpan("next", {}, within).end();
  assert.deepEqual(
    recorded.take().map(({ name }) => name),
    ["pool", "next"],
  );
});

test("withSpanRules: a failing finish is told and changes nothing; an ended span stays as it is, and nobody complains", () => {
  const failures: unknown[] = [];
  const tracer = tracerWith({ finish: () => assert.fail("broken") }, failures);
  const span = tracer.startSpan("call");
  span.end();
  span.setAttribute("late", 1).setStatus({ code: SpanStatusCode.ERROR });
  span.recordException(new Error("late"));
  span.end();
  const [ended, ...others] = recorded.take();
  assert.equal(failures.length, 1);
  assert.deepEqual(
    [ended?.attributes, ended?.status, ended?.events, others],
    [{}, { code: SpanStatusCode.UNSET }, [], []],
  );
});

test("withSpanRules changes the kind", () => {
  tracerWith({ kind: SpanKind.INTERNAL }).startSpan("load", { kind: SpanKind.CLIENT }).end();
  assert.equal(recorded.take()[0]?.kind, SpanKind.INTERNAL);
});

for (const [statement, expected] of [
  ["SELECT 1", "SELECT"],
  ["select\n*\nfrom\nusers", "SELECT"],
  ["  -- who\n /* why */ (\n\tInsert into x", "INSERT"],
  ["COMMIT;", "COMMIT"],
  ["", undefined],
  ["?", undefined],
  ["-- only a comment", undefined],
  ["/* no end", undefined],
  ['{"find":"users"}', undefined],
  ["dbo.procedure", undefined],
  [`${"(".repeat(100_000)}SELECT`, undefined],
  ["/*".repeat(100_000), undefined],
] as const) {
  test(`operationOf(${JSON.stringify(statement.slice(0, 40))}) is ${expected}`, () => {
    assert.equal(operationOf(statement), expected);
  });
}

/** What a span says in the end. */
function finished(
  finish: SpanRules["finish"],
  { name = "upstream", kind = SpanKind.CLIENT, ...attributes }: Attributes & { name?: string; kind?: SpanKind },
  fail?: (span: Span) => void,
) {
  const span = tracerWith(finish === undefined ? {} : { finish }).startSpan(name, { kind, attributes });
  fail?.(span);
  span.end();
  const [ended] = recorded.take();
  const { "db.query.text": _text, "db.namespace": _namespace, ...rest } = ended?.attributes ?? {};
  return { name: ended?.name, status: ended?.status.code, attributes: rest };
}

const error = (message: string) => (span: Span) => span.setStatus({ code: SpanStatusCode.ERROR, message });

for (const [system, given, text, namespace, expectedName, expectedOperation] of [
  ["postgresql", undefined, "select 1", "shop", "SELECT shop", "SELECT"],
  ["postgresql", undefined, undefined, "shop", "shop", undefined],
  ["postgresql", undefined, undefined, undefined, "postgresql", undefined],
  ["microsoft.sql_server", "execSql", "UPDATE x SET y = 1", "shop", "UPDATE shop", "UPDATE"],
  ["microsoft.sql_server", "BULK INSERT", "insert bulk x", "shop", "BULK INSERT shop", "BULK INSERT"],
  ["microsoft.sql_server", "EXECUTE", "dbo.work", "shop", "EXECUTE shop", "EXECUTE"],
  ["redis", "get", "get key", undefined, "GET", "GET"],
  ["redis", "json.get", "json.get key", undefined, "JSON.GET", "JSON.GET"],
  ["redis", "MULTI", "SET key", undefined, "MULTI SET", "MULTI SET"],
  ["redis", "MULTI", "multi", undefined, "MULTI", "MULTI"],
  ["redis", "PIPELINE get", "get key", undefined, "PIPELINE GET", "PIPELINE GET"],
  ["mongodb", "find", '{"find":"users"}', "shop", "find shop", "find"],
] as const) {
  test(`finishDatabaseSpan: ${system} ${given} ${text} is "${expectedName}"`, () => {
    const { name, attributes } = finished(finishDatabaseSpan, {
      "db.system.name": system,
      "db.operation.name": given,
      "db.query.text": text,
      "db.namespace": namespace,
    });
    assert.equal(name, expectedName);
    assert.equal(attributes["db.operation.name"], expectedOperation);
  });
}

for (const [system, message, code, type] of [
  ["mysql", "ER_DUP_ENTRY: Duplicate entry", "ER_DUP_ENTRY", "ER_DUP_ENTRY"],
  ["mysql", "connect ECONNREFUSED 127.0.0.1:3306", undefined, "ECONNREFUSED"],
  ["mysql", "Table 'x' doesn't exist", undefined, undefined],
  ["redis", "WRONGTYPE Operation against a key", "WRONGTYPE", "WRONGTYPE"],
  ["mongodb", "E11000 duplicate key", "11000", "11000"],
] as const) {
  test(`finishDatabaseSpan: the error "${message}" of ${system} is of type ${type}`, () => {
    const { attributes } = finished(finishDatabaseSpan, { "db.system.name": system }, error(message));
    assert.deepEqual([attributes["db.response.status_code"], attributes["error.type"]], [code, type]);
  });
}

test("finishDatabaseSpan reads PostgreSQL's code from the text that upstream has for it", () => {
  const fail = (span: Span): void => {
    span.recordException("PostgreSQL error of type 'error' occurred (code: 23505)");
    span.setStatus({ code: SpanStatusCode.ERROR, message: "duplicate key value" });
  };
  const { attributes } = finished(finishDatabaseSpan, { "db.system.name": "postgresql" }, fail);
  assert.deepEqual([attributes["db.response.status_code"], attributes["error.type"]], ["23505", "23505"]);
});

for (const [kind, given, status, type, code] of [
  [SpanKind.SERVER, { "rpc.grpc.status_code": 0 }, SpanStatusCode.UNSET, undefined, 0],
  [SpanKind.SERVER, { "rpc.grpc.status_code": 5, "grpc.error_name": "Error" }, SpanStatusCode.UNSET, undefined, 5],
  [SpanKind.SERVER, { "rpc.grpc.status_code": 13 }, SpanStatusCode.ERROR, "INTERNAL", 13],
  [SpanKind.SERVER, { "grpc.error_name": "Error", "grpc.error_message": "x" }, SpanStatusCode.ERROR, "UNKNOWN", 2],
  [SpanKind.CLIENT, { "rpc.grpc.status_code": 5 }, SpanStatusCode.ERROR, "NOT_FOUND", 5],
  [SpanKind.CLIENT, { "rpc.grpc.status_code": 99 }, SpanStatusCode.ERROR, undefined, 99],
] as const) {
  test(`finishGrpcSpan: ${JSON.stringify(given)} of kind ${kind} is of type ${type}`, () => {
    const attributes: Attributes = given;
    const fail = (span: Span): void => {
      if (attributes["rpc.grpc.status_code"] !== 0) error("x")(span);
    };
    const ended = finished(finishGrpcSpan, { name: "grpc.shop.Words/Get", kind, ...attributes }, fail);
    assert.equal(ended.name, "shop.Words/Get");
    assert.equal(ended.status, status);
    assert.equal(ended.attributes["error.type"], type);
    assert.equal(ended.attributes["rpc.grpc.status_code"], code);
  });
}

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { type TestContext, mock, test } from "node:test";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { watchLoggers } from "../../../instrumentations/logs/pino.ts";
import { setRequestId } from "../../../src/context/request-id.ts";
import { log } from "../../../src/diagnostics/log.ts";

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const require = createRequire(import.meta.url);

const SPAN_CONTEXT = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
const IDS = { request_id: "r-1", trace_id: SPAN_CONTEXT.traceId, span_id: SPAN_CONTEXT.spanId };
const REQUEST = trace.setSpanContext(setRequestId(ROOT_CONTEXT, "r-1"), SPAN_CONTEXT);

interface Logger {
  info(...args: unknown[]): void;
  child(bindings: object): Logger;
}
type Pino = (options: object, stream: object) => Logger;

/** A pino of its own, watched as the hook does it, and what it writes. */
function load(t: TestContext, name: string) {
  const proto = require.resolve(`${name}/lib/proto.js`);
  const main = require.resolve(name);
  for (const file of [proto, main]) delete require.cache[file];
  const original = require(proto) as () => never;
  (require.cache[proto] as { exports: unknown }).exports = watchLoggers(original, undefined);
  t.after(() => {
    for (const file of [proto, main]) delete require.cache[file];
  });
  const lines: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const write = (text: string): void => {
    texts.push(text);
    const { time: _, pid: __, hostname: ___, level: ____, ...rest } = JSON.parse(text) as Record<string, unknown>;
    lines.push(rest);
  };
  return { pino: require(name) as Pino, stream: { write }, lines, texts };
}

for (const name of ["pino", "pino8"]) {
  test(`${name}: ids are in each record of a request, below mixins, children, and nested keys`, (t) => {
    const { pino, stream, lines, texts } = load(t, name);
    const logger = pino({ mixin: () => ({ mixed: true, span_id: "mine" }) }, stream);
    logger.info("outside");
    context.with(REQUEST, () => {
      logger.info("text");
      logger.info({ a: 1, request_id: "mine" }, "object");
      logger.child({ trace_id: "bound" }).child({ b: 2 }).info("child");
      pino({ nestedKey: "data", messageKey: "message" }, stream).info({ c: 3 }, "nested");
      pino({ formatters: { log: (object: object) => ({ seen: Object.keys(object) }) } }, stream).info("formatted");
      logger.info(new RangeError("boom"));
    });
    assert.deepEqual(lines.slice(0, 6), [
      { mixed: true, span_id: "mine", msg: "outside" },
      { ...IDS, mixed: true, span_id: "mine", msg: "text" },
      { ...IDS, mixed: true, span_id: "mine", a: 1, request_id: "mine", msg: "object" },
      { trace_id: "bound", b: 2, request_id: "r-1", mixed: true, span_id: "mine", msg: "child" },
      { data: { ...IDS, c: 3 }, message: "nested" },
      { seen: ["request_id", "trace_id", "span_id"], msg: "formatted" },
    ]);
    assert.equal(texts[3]?.match(/trace_id/g)?.length, 1);
    assert.deepEqual([lines[6]?.["request_id"], lines[6]?.["msg"]], ["r-1", "boom"]);
  });
}

test("a pino that is not known is left alone, with one line", () => {
  const warn = mock.method(log, "warn", () => {});
  const strange = Object.create({ unknown: 1 }) as never;
  const create = watchLoggers(() => strange, undefined);
  assert.equal(create(), strange);
  create();
  assert.match(String(warn.mock.calls.map((call) => call.arguments[0])), /^this version of pino is not known/);
  mock.restoreAll();
});

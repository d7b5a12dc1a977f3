// Records of log libraries carry the ids of the request that they were written in, and of no other.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { runApp } from "../support/run-app.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const NO_EXPORT = { OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" };

type Line = Readonly<Record<string, unknown>>;

function linesOf(stdout: string): Line[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Line);
}

function messageOf(line: Line): unknown {
  return line["msg"] ?? line["message"];
}

for (const library of ["pino", "winston", "bunyan", "console"]) {
  test(`${library}: records of a request carry its ids, and what the app says itself wins`, async () => {
    const correlation = { REDTRAIL_LOG_CORRELATION: "pino,winston,bunyan,console" };
    const app = await runApp({ app: "logs-app.cjs", env: { ...NO_EXPORT, ...correlation, LIBRARY: library } });
    const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`;
    await fetch(app.url, { headers: { "x-request-id": "r-1", traceparent } });
    const { stdout, stderr } = await app.stop();
    const [outside, inside, child, own, bound] = linesOf(stdout);
    assert.equal(messageOf(outside as Line), "outside", stderr);
    for (const key of ["request_id", "trace_id", "span_id"]) assert.equal(key in (outside as Line), false);
    assert.deepEqual([inside?.["request_id"], inside?.["trace_id"]], ["r-1", TRACE_ID]);
    assert.match(String(inside?.["span_id"]), /^[0-9a-f]{16}$/);
    assert.deepEqual(
      [child?.["request_id"], child?.["span_id"], child?.["module"], child?.["n"]],
      ["r-1", inside?.["span_id"], "cart", 1],
    );
    assert.deepEqual([own?.["request_id"], own?.["trace_id"]], ["r-1", "theirs"]);
    assert.deepEqual([bound?.["request_id"], bound?.["trace_id"]], ["r-1", "bound"]);
    if (library.startsWith("pino")) assert.equal(inside?.["mixed"], true, "the app's mixin stays");
    const keys = stdout.split("\n").find((line) => line.includes('"bound"')) ?? "";
    assert.equal(keys.match(/"trace_id"/g)?.length, 1, "no key twice");
  });

  test(`${library}: requests at the same time never see each other's ids`, async () => {
    const correlation = { REDTRAIL_LOG_CORRELATION: "pino,winston,bunyan,console" };
    const app = await runApp({ app: "logs-app.cjs", env: { ...NO_EXPORT, ...correlation, LIBRARY: library } });
    const ids = Array.from({ length: 20 }, (_, index) => `r-${index}`);
    await Promise.all(
      ids.map((id, index) => fetch(`${app.url}/?wait=${(20 - index) * 3}`, { headers: { "x-request-id": id } })),
    );
    const { stdout } = await app.stop();
    const spans = new Map<unknown, Set<unknown>>();
    for (const line of linesOf(stdout).filter((one) => "request_id" in one)) {
      const known = spans.get(line["request_id"]) ?? new Set();
      spans.set(line["request_id"], known.add(line["span_id"]));
    }
    assert.deepEqual(new Set(spans.keys()), new Set(ids));
    for (const [id, known] of spans) assert.equal(known.size, 1, String(id));
  });
}

test("the libraries that an ES module imports are found too, and by default console stays as it is", async () => {
  const app = await runApp({ app: "logs-app.mjs", env: NO_EXPORT });
  await fetch(app.url, { headers: { "x-request-id": "r-1" } });
  const lines = linesOf((await app.stop()).stdout);
  assert.deepEqual(
    lines.map((line) => [line["by"], line["request_id"]]),
    ["pino", "winston", "bunyan"].map((by) => [by, "r-1"]),
  );
  const plain = await runApp({ app: "logs-app.cjs", env: { ...NO_EXPORT, LIBRARY: "console" } });
  await fetch(plain.url);
  assert.equal("request_id" in (linesOf((await plain.stop()).stdout)[1] as Line), false);
});

test("REDTRAIL_LOG_CORRELATION=none, and an instrumentation that is off, leave the records alone", async () => {
  for (const off of [{ REDTRAIL_LOG_CORRELATION: "none" }, { OTEL_NODE_DISABLED_INSTRUMENTATIONS: "pino" }]) {
    const app = await runApp({ app: "logs-app.mjs", env: { ...NO_EXPORT, ...off } });
    await fetch(app.url);
    const line = linesOf((await app.stop()).stdout).find(({ by }) => by === "pino");
    assert.equal("request_id" in (line as Line), false);
  }
});

for (const library of ["pino", "winston", "bunyan"]) {
  test(`${library}: with OTEL_LOGS_EXPORTER=otlp its records go through the logs API too`, async (t) => {
    const bodies: string[] = [];
    const collector = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      if (request.url === "/v1/logs") bodies.push(body);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    }).listen(0, "127.0.0.1");
    await once(collector, "listening");
    t.after(() => collector.close());
    const app = await runApp({
      app: "logs-app.cjs",
      env: {
        ...NO_EXPORT,
        LIBRARY: library,
        OTEL_LOGS_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
        OTEL_BLRP_SCHEDULE_DELAY: "50",
      },
    });
    await fetch(app.url, { headers: { "x-request-id": "r-1", traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` } });
    for (let i = 0; i < 100 && !bodies.join("").includes('"bound"'); i++) await wait(50);
    await app.stop();
    interface Sent {
      readonly severityText: string;
      readonly severityNumber: number;
      readonly body: { readonly stringValue: string };
      readonly traceId?: string;
      readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
    }
    const records = bodies.flatMap((body) =>
      (JSON.parse(body) as { resourceLogs: { scopeLogs: { logRecords: Sent[] }[] }[] }).resourceLogs.flatMap((one) =>
        one.scopeLogs.flatMap(({ logRecords }) => logRecords),
      ),
    );
    const child = records.find(({ body }) => body.stringValue === "child");
    assert.deepEqual([child?.severityText, child?.severityNumber, child?.traceId], ["info", 9, TRACE_ID]);
    const attributes = Object.fromEntries(
      child?.attributes.map(({ key, value }) => [key, Object.values(value)[0]]) ?? [],
    );
    assert.equal(attributes["request_id"], "r-1");
    assert.equal(attributes["module"], "cart");
    assert.equal(Number(attributes["n"]), 1);
  });
}

// Requests through streams and lists of the real Redis, by ioredis and by redis: one trace and one id.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { brokerApps, chain, post, seenBy, spansOf, until } from "../support/broker-app.ts";
import { lacksLibrary, versionOf } from "../support/library-versions.ts";
import { FIXTURES, type RunningApp } from "../support/run-app.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const skip = await lacksPort("Redis", REDIS_PORT);

for (const [library, version] of [
  ["ioredis", "ioredis"],
  ["ioredis", "ioredis@5"],
  ["redis", "redis"],
  ["redis", "redis@5"],
  ["redis", "redis@4"],
] as const) {
  const path = versionOf(library, version);
  describe(`Redis by ${version}`, { skip: path === undefined ? lacksLibrary(version) : skip }, () => {
    const app = (role: string, ...args: string[]): string[] => [
      join(FIXTURES, "redis-streams-app.cjs"),
      library,
      path ?? "",
      role,
      String(REDIS_PORT),
      ...args,
    ];
    let zipkin: TestZipkin;
    let producer: RunningApp;
    const apps = brokerApps(() => zipkin, {
      REDTRAIL_ENGINE: version === "redis@5" ? "node-sdk" : "native",
      // Its spans of single commands are tested on their own.
      OTEL_NODE_DISABLED_INSTRUMENTATIONS: "ioredis,redis",
    });
    let streams = 0;
    const newStream = (): string => `redtrail:${process.pid}:${version}:${++streams}`;
    const named = { REDTRAIL_MESSAGING_REDIS_STREAMS: "others,redtrail:*" };

    before(async () => {
      zipkin = await startZipkin();
      producer = await apps.start(app("producer"), named);
    });
    after(async () => {
      await apps.stopAll();
      await zipkin?.close();
    });

    test("An entry waits for its consumer, while its producer is gone; a poison entry comes again; so do a hundred", async () => {
      const stream = newStream();
      const gone = await apps.start(app("producer"), named);
      for (const by of ["add", "call", "callback", "atomically"])
        assert.deepEqual(await post(`${gone.url}/${stream}?by=${by}`, "hello", `id-${stream}-${by}`), {
          item: "hello",
        });
      await post(`${gone.url}/${stream}?by=several&n=100`, "one of many", `id-${stream}-many`);
      await post(`${gone.url}/${stream}`, "poison", `id-${stream}-poison`);
      await gone.stop();
      const consumer = await apps.start(app("consumer", stream));
      for (const by of ["add", "call", "callback", "atomically"]) {
        const spans = await spansOf(zipkin, `id-${stream}-${by}`, 3);
        assert.deepEqual(chain(spans), ["SERVER POST", `PRODUCER add ${stream}`, `CONSUMER process ${stream}`]);
        assert.ok(Number(spans[2]?.tags["redtrail.messaging.queue.time"]) > 0);
      }
      const many = await spansOf(zipkin, `id-${stream}-many`, 201);
      assert.equal(new Set(many.map(({ traceId }) => traceId)).size, 1);
      const [, sent, ...tries] = await spansOf(zipkin, `id-${stream}-poison`, 4);
      assert.deepEqual(
        tries.map(({ parentId, tags }) => [parentId, tags["error.type"]]),
        [
          [sent?.id, "Error"],
          [sent?.id, undefined],
        ],
      );
      await until(() => seenBy(consumer).length === 106);
      const [first] = seenBy(consumer);
      assert.equal(first?.id, `id-${stream}-add`);
      assert.deepEqual(Object.keys(first["headers"] as object), ["item", "traceparent", "x-request-id", "x-sent-at"]);
    });

    test("Without the setting an entry is what the app gave, for each consumer", async () => {
      const stream = newStream();
      const plain = await apps.start(app("producer"));
      await post(`${plain.url}/${stream}`, "plain", `id-${stream}`);
      const consumer = await apps.start(app("consumer", stream));
      const seen = await until(() => seenBy(consumer)[0]);
      assert.deepEqual(seen["headers"], { item: "plain" });
      assert.match(seen.id ?? "", /^[0-9a-f-]{36}$/);
    });

    test("A consumer without redtrail finds the app's fields as they were, with fields more", async () => {
      const stream = newStream();
      const stranger = await apps.startStranger(app("consumer", stream));
      await post(`${producer.url}/${stream}`, "for a stranger", `id-${stream}`);
      const seen = await until(() => seenBy(stranger)[0]);
      assert.equal((seen["headers"] as { item: string }).item, "for a stranger");
    });

    test("A value in an envelope goes through a list, and comes out as it was", async () => {
      const list = newStream();
      const consumer = await apps.start(app("list-consumer", list));
      await post(`${producer.url}/${list}?by=list`, "in an envelope", `id-${list}`);
      const spans = await spansOf(zipkin, `id-${list}`, 2);
      assert.deepEqual(chain(spans), ["SERVER POST", `CONSUMER process ${list}`]);
      assert.deepEqual(
        seenBy(consumer).map(({ body, id }) => [body, id]),
        [["in an envelope", `id-${list}`]],
      );
    });
  });
}

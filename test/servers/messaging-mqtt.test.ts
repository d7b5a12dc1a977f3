// Requests through the real Mosquitto by `mqtt`: one trace and one id, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { MOSQUITTO_PORT } from "../../scripts/servers/mosquitto.ts";
import { brokerApps, chain, post, seenBy, spansOf, until } from "../support/broker-app.ts";
import { FIXTURES, type RunningApp } from "../support/run-app.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const URL_ = `mqtt://127.0.0.1:${MOSQUITTO_PORT}`;
const skip = await lacksPort("Mosquitto", MOSQUITTO_PORT);
const OWN = { tenant: "a", tags: ["x", "y"] };

for (const extension of ["cjs", "mjs"]) {
  describe(`MQTT by mqtt (${extension})`, { skip }, () => {
    const app = (...args: string[]): string[] => [join(FIXTURES, `mqtt-app.${extension}`), "mqtt", ...args];
    let zipkin: TestZipkin;
    let producer: RunningApp;
    const apps = brokerApps(() => zipkin, { REDTRAIL_ENGINE: extension === "mjs" ? "node-sdk" : "native" });
    let topics = 0;
    const newTopic = (): string => `redtrail/${process.pid}-${extension}/${++topics}`;

    before(async () => {
      zipkin = await startZipkin();
      producer = await apps.start(app("producer", URL_));
    });
    after(async () => {
      await apps.stopAll();
      await zipkin?.close();
    });

    for (const [qos, how] of [
      [0, "&callback"],
      [1, ""],
      [2, "&callback"],
    ] as const) {
      test(`A message of QoS ${qos} comes to its handler in its request, and the app's options stay`, async () => {
        const topic = newTopic();
        const consumer = await apps.start(app("consumer", URL_, `${topic}/+`));
        const id = `id-${topic}`;
        assert.deepEqual(await post(`${producer.url}/${topic}/a?frozen&qos=${qos}${how}`, "hello", id), OWN);
        const spans = await spansOf(zipkin, id, 3);
        assert.deepEqual(chain(spans), ["SERVER POST", `PRODUCER publish ${topic}/a`, `CONSUMER process ${topic}/+`]);
        assert.equal(spans[2]?.tags["messaging.destination.name"], `${topic}/a`);
        assert.ok(Number(spans[2]?.tags["redtrail.messaging.queue.time"]) >= 0);
        assert.ok((spans[2]?.duration ?? 0) >= 4_000, String(spans[2]?.duration));
        const seen = seenBy(consumer);
        assert.deepEqual(
          seen.map((one) => [one.id, one["when"]]),
          [
            [id, "begin"],
            [id, "end"],
          ],
        );
        const { tenant, tags } = seen[0]?.["headers"] as typeof OWN;
        assert.deepEqual({ tenant, tags }, OWN);
      });
    }

    test("A message waits for its consumer, who has been away, while its producer is gone; so do a hundred", async () => {
      const topic = newTopic();
      const first = await apps.start(app("consumer", URL_, topic, "durable"));
      await first.stop("SIGKILL");
      const gone = await apps.start(app("producer", URL_));
      await post(`${gone.url}/${topic}`, "hello", `id-${topic}-1`);
      await post(`${gone.url}/${topic}?n=100`, "hello", `id-${topic}-2`);
      await gone.stop();
      const consumer = await apps.start(app("consumer", URL_, topic, "durable"));
      assert.deepEqual(chain(await spansOf(zipkin, `id-${topic}-1`, 3)), [
        "SERVER POST",
        `PRODUCER publish ${topic}`,
        `CONSUMER process ${topic}`,
      ]);
      const many = await spansOf(zipkin, `id-${topic}-2`, 201);
      assert.equal(new Set(many.map(({ traceId }) => traceId)).size, 1);
      await until(() => seenBy(consumer).length === 202);
    });

    test("A message whose acknowledgement is lost comes again, in the trace of who sent it", async () => {
      const topic = newTopic();
      const consumer = await apps.start(app("consumer", URL_, topic, "deaf"));
      await post(`${producer.url}/${topic}`, "hello", `id-${topic}`);
      const [, sent, ...processed] = await spansOf(zipkin, `id-${topic}`, 4);
      assert.deepEqual(
        processed.map(({ parentId }) => parentId),
        [sent?.id, sent?.id],
      );
      const begun = seenBy(consumer).filter((one) => one["when"] === "begin");
      assert.deepEqual(
        begun.map((one) => one["dup"]),
        [false, true],
      );
    });

    test("A poison message makes its span an error, and is unhandled once, as without us", async () => {
      const topic = newTopic();
      const consumer = await apps.start(app("consumer", URL_, topic));
      await post(`${producer.url}/${topic}`, "poison", `id-${topic}`);
      const [, , processed] = await spansOf(zipkin, `id-${topic}`, 3);
      assert.equal(processed?.tags["error.type"], "Error");
      assert.deepEqual(consumer.stdout().match(/unhandled poison/g), ["unhandled poison"]);
    });

    test("An old retained message begins a trace of its own, with the request's id", async () => {
      const topic = newTopic();
      await post(`${producer.url}/${topic}?retain`, "kept", `id-${topic}`);
      await apps.start(app("consumer", URL_, topic), { REDTRAIL_MESSAGING_LINK_AFTER: "1" });
      const [server, , processed] = (await spansOf(zipkin, `id-${topic}`, 3)).toSorted(
        (a, b) => a.timestamp - b.timestamp,
      );
      assert.equal(processed?.kind, "CONSUMER");
      assert.equal(processed.parentId, undefined);
      assert.notEqual(processed.traceId, server?.traceId);
    });

    test("Consumers that share a subscription get each message once", async () => {
      const topic = newTopic();
      const shared = [1, 2].map(() => apps.start(app("consumer", URL_, `$share/group/${topic}/#`)));
      const consumers = await Promise.all(shared);
      await post(`${producer.url}/${topic}/a?n=10`, "hello", `id-${topic}`);
      const spans = await spansOf(zipkin, `id-${topic}`, 21);
      assert.equal(spans.filter(({ name }) => name === `process ${topic}/#`).length, 10);
      await until(() => consumers.flatMap(seenBy).length === 20);
    });

    test("A consumer without redtrail gets the message as it was, with user properties more", async () => {
      const topic = newTopic();
      const stranger = await apps.startStranger(app("consumer", URL_, topic));
      await post(`${producer.url}/${topic}`, "for a stranger", `id-${topic}`);
      const seen = await until(() => seenBy(stranger)[0]);
      assert.equal(seen.body, "for a stranger");
      assert.deepEqual(Object.keys(seen["headers"] as object).toSorted(), [
        "tags",
        "tenant",
        "traceparent",
        "x-request-id",
        "x-sent-at",
      ]);
    });

    test("A message of a producer without redtrail starts a trace, with an id of its own", async () => {
      const topic = newTopic();
      const consumer = await apps.start(app("consumer", URL_, topic));
      const stranger = await apps.startStranger(app("producer", URL_));
      await post(`${stranger.url}/${topic}?bare`, "from a stranger", "unknown");
      const spans = await zipkin.waitFor((all) => all.some(({ name }) => name === `process ${topic}`));
      const span = spans.find(({ name }) => name === `process ${topic}`);
      assert.equal(span?.parentId, undefined);
      assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
      assert.equal(seenBy(consumer)[0]?.id, span?.tags["http.request.id"]);
    });

    test("Clients of MQTT 3.1.1 have spans, and nothing of ours on the wire; that is said at the level debug", async () => {
      const topic = newTopic();
      const old = await apps.start(app("producer", URL_, "", "3"), { OTEL_LOG_LEVEL: "debug" });
      const consumer = await apps.start(app("consumer", URL_, topic, "3"));
      await post(`${old.url}/${topic}`, "hello", `id-${topic}`);
      await spansOf(zipkin, `id-${topic}`, 2);
      const [begin] = await until(() => (seenBy(consumer).length === 2 ? seenBy(consumer) : undefined));
      assert.deepEqual(begin?.["headers"], {});
      assert.match(begin?.id ?? "", /^[0-9a-f-]{36}$/);
      assert.match(old.stderr(), /MQTT 3/);
    });
  });
}

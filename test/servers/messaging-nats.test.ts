// Requests through the real NATS, by `nats` 2 and by @nats-io/* 3: one trace and one id, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "nats";
import { NATS_PORT } from "../../scripts/servers/nats.ts";
import { brokerApps, chain, post, seenBy, spansOf, until } from "../support/broker-app.ts";
import { freePort } from "../support/free-port.ts";
import { FIXTURES, type RunningApp } from "../support/run-app.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const URL_ = `nats://127.0.0.1:${NATS_PORT}`;
const skip = await lacksPort("NATS", NATS_PORT);

for (const [library, extension] of [
  ["nats", "cjs"],
  ["@nats-io", "cjs"],
  ["nats", "mjs"],
  ["@nats-io", "mjs"],
] as const) {
  describe(`NATS by ${library} (${extension})`, { skip }, () => {
    const app = (...args: string[]): string[] => [join(FIXTURES, `nats-app.${extension}`), library, ...args];
    let zipkin: TestZipkin;
    let producer: RunningApp;
    const apps = brokerApps(() => zipkin, { REDTRAIL_ENGINE: extension === "mjs" ? "node-sdk" : "native" });
    let subjects = 0;
    const newSubject = (): string => `redtrail-${process.pid}-${library.replace(/\W/g, "")}-${extension}-${++subjects}`;

    before(async () => {
      zipkin = await startZipkin();
      producer = await apps.start(app("producer", URL_));
    });
    after(async () => {
      await apps.stopAll();
      await zipkin?.close();
    });

    for (const [mode, group] of [
      ["callback", ""],
      ["callback", "a-queue-group"],
      ["iterator", ""],
    ] as const) {
      test(`A message comes to a ${mode} (${group}) in its request, and the app's options stay`, async () => {
        const subject = newSubject();
        const consumer = await apps.start(app("consumer", URL_, `${subject}.*`, mode, group));
        for (const turn of [1, 2, 3]) {
          const id = `id-${subject}-${turn}`;
          const answer = await post(`${producer.url}/${subject}.x?frozen`, "hello", id);
          assert.deepEqual(answer, { headers: [["Tenant", ["a"]]] });
          const spans = await spansOf(zipkin, id, 3);
          assert.deepEqual(chain(spans), [
            "SERVER POST",
            `PRODUCER publish ${subject}.x`,
            `CONSUMER process ${subject}.*`,
          ]);
          assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
          assert.equal(spans[2]?.tags["messaging.destination.name"], `${subject}.x`);
          assert.equal(spans[2]?.tags["messaging.consumer.group.name"], group === "" ? undefined : group);
          assert.ok(Number(spans[2]?.tags["redtrail.messaging.queue.time"]) >= 0);
          // The handler waits for 5 ms.
          assert.ok((spans[2]?.duration ?? 0) >= 4_000, String(spans[2]?.duration));
        }
        assert.deepEqual(
          seenBy(consumer).map(({ id, when }) => [id, when]),
          [1, 2, 3].flatMap((turn) => ["begin", "end"].map((when) => [`id-${subject}-${turn}`, when])),
        );
        assert.doesNotMatch(consumer.stdout(), /leaked/);
      });
    }

    test("A loop whose body waits before it looks at the message stays in its own context", async () => {
      const subject = newSubject();
      const consumer = await apps.start(app("consumer", URL_, subject, "iterator", "untouched"));
      for (const turn of [1, 2]) {
        await post(`${producer.url}/${subject}`, "hello", `id-${subject}-${turn}`);
        await spansOf(zipkin, `id-${subject}-${turn}`, 3);
      }
      assert.deepEqual(
        seenBy(consumer).map(({ id }) => id),
        [undefined, undefined, undefined, undefined],
      );
      assert.doesNotMatch(consumer.stdout(), /leaked/);
    });

    test("A request is a span until its reply has come, and the reply is none", async () => {
      const subject = newSubject();
      await apps.start(app("consumer", URL_, subject, "callback"));
      const answer = (await post(`${producer.url}/${subject}?by=request`, "hello", `id-${subject}`)) as {
        reply: string;
      };
      assert.equal(answer.reply, "re: hello");
      const spans = await spansOf(zipkin, `id-${subject}`, 3);
      assert.deepEqual(chain(spans), ["SERVER POST", `PRODUCER request ${subject}`, `CONSUMER process ${subject}`]);
      assert.ok((spans[1]?.duration ?? 0) >= (spans[2]?.duration ?? 0) - 1_000);
    });

    test("A request that nobody answers fails as ever, and its span with it", async () => {
      const subject = newSubject();
      const answer = (await post(`${producer.url}/${subject}?by=request&bare`, "hello", `id-${subject}`)) as {
        reply: string;
      };
      assert.match(answer.reply, /Error/);
      const [, sent] = await spansOf(zipkin, `id-${subject}`, 2);
      assert.equal(sent?.name, `request ${subject}`);
      assert.ok(sent.tags["error.type"] !== undefined);
    });

    for (const mode of ["consume", "consume-callback", "fetch"]) {
      test(`JetStream (${mode}): messages wait for their consumer, and a poison message comes again`, async () => {
        const subject = newSubject();
        await createStream(subject);
        const gone = await apps.start(app("producer", URL_));
        await post(`${gone.url}/${subject}?by=jetstream&frozen`, "hello", `id-${subject}-1`);
        await post(`${gone.url}/${subject}?by=jetstream&bare`, "poison", `id-${subject}-2`);
        await post(`${gone.url}/${subject}?by=jetstream&n=100`, "one of many", `id-${subject}-3`);
        await gone.stop("SIGTERM");
        const consumer = await apps.start(app("consumer", URL_, subject, mode, subject));
        const hello = await spansOf(zipkin, `id-${subject}-1`, 3);
        assert.deepEqual(chain(hello), ["SERVER POST", `PRODUCER publish ${subject}`, `CONSUMER process ${subject}`]);
        assert.ok(Number(hello[2]?.tags["redtrail.messaging.queue.time"]) > 0);
        assert.equal(hello[2]?.tags["messaging.consumer.group.name"], "worker");
        const poison = await spansOf(zipkin, `id-${subject}-2`, 4);
        assert.deepEqual(
          poison.map(({ kind }) => kind),
          ["SERVER", "PRODUCER", "CONSUMER", "CONSUMER"],
        );
        assert.deepEqual(new Set(poison.slice(2).map(({ parentId }) => parentId)), new Set([poison[1]?.id]));
        const many = await spansOf(zipkin, `id-${subject}-3`, 201);
        assert.equal(new Set(many.map(({ traceId }) => traceId)).size, 1);
        await until(() => seenBy(consumer).length >= 206);
        const seen = seenBy(consumer);
        assert.deepEqual(
          seen.filter(({ body }) => body === "poison").map(({ id }) => id),
          Array.from({ length: 4 }, () => `id-${subject}-2`),
        );
        assert.ok(seen.every(({ id }) => id !== undefined));
      });
    }

    test("A consumer without redtrail gets the message as it was, with headers more", async () => {
      const subject = newSubject();
      const stranger = await apps.startStranger(app("consumer", URL_, subject, "callback"));
      await post(`${producer.url}/${subject}`, "for a stranger", `id-${subject}`);
      const seen = await until(() => seenBy(stranger)[0]);
      assert.equal(seen.body, "for a stranger");
      assert.deepEqual(Object.keys(seen["headers"] as object).toSorted(), [
        "Tenant",
        "traceparent",
        "x-request-id",
        "x-sent-at",
      ]);
    });

    test("A message of a producer without redtrail starts a trace, with an id of its own", async () => {
      const subject = newSubject();
      const consumer = await apps.start(app("consumer", URL_, subject, "iterator"));
      const stranger = await apps.startStranger(app("producer", URL_));
      await post(`${stranger.url}/${subject}?bare`, "from a stranger", "unknown");
      const spans = await zipkin.waitFor((all) => all.some(({ name }) => name === `process ${subject}`));
      const span = spans.find(({ name }) => name === `process ${subject}`);
      assert.equal(span?.parentId, undefined);
      assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
      await until(() => seenBy(consumer).length === 2);
      assert.equal(seenBy(consumer)[0]?.id, span?.tags["http.request.id"]);
    });
  });
}

describe("NATS servers with limits", { skip }, () => {
  let zipkin: TestZipkin;
  const apps = brokerApps(() => zipkin);
  const servers: ChildProcess[] = [];
  before(async () => {
    zipkin = await startZipkin();
  });
  after(async () => {
    await apps.stopAll();
    for (const server of servers) server.kill("SIGKILL");
    await zipkin?.close();
  });

  for (const [what, limit, body, isTraced] of [
    ["that takes no headers", "no_header_support: true", "hello", false],
    ["that takes a message only without our headers", "max_payload: 1000", "x".repeat(950), false],
    ["that takes a message with our headers", "max_payload: 1000", "x".repeat(500), true],
  ] as const) {
    test(`A server ${what} gets what it takes, and the producer has its span`, async () => {
      const port = await freePort();
      const config = join(await mkdtemp(join(tmpdir(), "redtrail-nats-")), "nats.conf");
      await writeFile(config, `listen: 127.0.0.1:${port}\n${limit}\n`);
      const server = spawn("nats-server", ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
      servers.push(server);
      let output = "";
      server.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
      await until(() => output.includes("Server is ready"));
      const app = (...args: string[]): string[] => [join(FIXTURES, "nats-app.cjs"), "@nats-io", ...args];
      const url = `nats://127.0.0.1:${port}`;
      const producer = await apps.start(app("producer", url));
      const consumer = await apps.start(app("consumer", url, "orders", "callback"));
      const id = `id-${port}`;
      await post(`${producer.url}/orders?bare&by=request`, body, id);
      const spans = await spansOf(zipkin, id, isTraced ? 3 : 2);
      assert.equal(spans[1]?.name, "request orders");
      assert.equal(spans[1].tags["error.type"], undefined);
      const seen = await until(() => seenBy(consumer)[0]);
      assert.equal(seen.body, body);
      assert.equal(seen.id === id, isTraced);
    });
  }
});

/** A stream of this name and for this subject, with a consumer `worker` that gets a message again after a second. */
async function createStream(subject: string): Promise<void> {
  const connection = await connect({ servers: URL_ });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: subject, subjects: [subject] });
  await manager.consumers.add(subject, {
    durable_name: "worker",
    ack_policy: "explicit" as never,
    ack_wait: 1_000_000_000,
  });
  await connection.close();
}

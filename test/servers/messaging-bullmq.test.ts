// Requests through BullMQ on the real Redis: one trace and one id, without a telemetry object, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { brokerApps, chain, post, seenBy, spansOf, until } from "../support/broker-app.ts";
import { FIXTURES, type RunningApp } from "../support/run-app.ts";
import { lacksLibrary, versionOf } from "../support/library-versions.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const skip = await lacksPort("Redis", REDIS_PORT);
const PORT = String(REDIS_PORT);
const kinds = (spans: readonly ZipkinSpan[]): unknown[] => spans.map(({ kind }) => kind);

for (const [version, extension, schedule] of [
  ["bullmq", "cjs", "schedule"],
  ["bullmq", "mjs", "schedule"],
  ["bullmq@5", "cjs", "repeat"],
] as const) {
  const library = versionOf("bullmq", version);
  describe(
    `BullMQ by ${version} (${extension})`,
    { skip: library === undefined ? lacksLibrary(version) : skip },
    () => {
      const app = (...args: string[]): string[] => [join(FIXTURES, `bullmq-app.${extension}`), library ?? "", ...args];
      let zipkin: TestZipkin;
      let producer: RunningApp;
      const apps = brokerApps(() => zipkin, {
        REDTRAIL_ENGINE: extension === "mjs" ? "node-sdk" : "native",
        OTEL_NODE_DISABLED_INSTRUMENTATIONS: "ioredis",
      });
      let queues = 0;
      const newQueue = (): string => `redtrail-${process.pid}-${extension}-${++queues}`;

      before(async () => {
        zipkin = await startZipkin();
        producer = await apps.start(app("producer", PORT));
      });
      after(async () => {
        await apps.stopAll();
        await zipkin?.close();
      });

      test("A job waits for its worker, while its producer is gone, and the app's data and options stay", async () => {
        const queue = newQueue();
        const gone = await apps.start(app("producer", PORT));
        const given = { data: { body: "hello" }, opts: { attempts: 1, delay: 0, removeOnComplete: true } };
        assert.deepEqual(await post(`${gone.url}/${queue}?frozen`, "hello", `id-${queue}`), given);
        await gone.stop();
        const worker = await apps.start(app("consumer", PORT, queue));
        const spans = await spansOf(zipkin, `id-${queue}`, 3);
        assert.deepEqual(chain(spans), ["SERVER POST", `PRODUCER add ${queue}`, `CONSUMER process ${queue}`]);
        const [, sent, processed] = spans;
        assert.equal(processed?.tags["messaging.message.id"], sent?.tags["messaging.message.id"]);
        assert.ok(Number(processed?.tags["redtrail.messaging.queue.time"]) > 0);
        assert.ok((processed?.duration ?? 0) >= 4_000, String(processed?.duration));
        await until(() => /event completed/.test(worker.stdout()));
        const seen = seenBy(worker);
        assert.deepEqual(
          seen.map((one) => [one.id, one["when"], one["data"]]),
          ["begin", "end"].map((when) => [`id-${queue}`, when, { body: "hello" }]),
        );
      });

      test("Each attempt is a span below who added the job, and an error where it failed", async () => {
        const queue = newQueue();
        const worker = await apps.start(app("consumer", PORT, queue));
        await post(`${producer.url}/${queue}?attempts=3`, "poison", `id-${queue}`);
        const [, sent, ...attempts] = await spansOf(zipkin, `id-${queue}`, 5);
        assert.deepEqual(
          attempts.map(({ parentId, tags }) => [parentId, tags["error.type"]]),
          [
            [sent?.id, "TypeError"],
            [sent?.id, "TypeError"],
            [sent?.id, undefined],
          ],
        );
        assert.equal(new Set(attempts.map(({ tags }) => tags["bullmq.job.attempts.made"])).size, 3);
        await until(() => /event completed/.test(worker.stdout()));
      });

      test("A hundred jobs that are added at once are a hundred spans below the one of the call", async () => {
        const queue = newQueue();
        await apps.start(app("consumer", PORT, queue));
        await post(`${producer.url}/${queue}?by=bulk&n=100&frozen`, "one of many", `id-${queue}`);
        const [, sent, ...processed] = await spansOf(zipkin, `id-${queue}`, 102);
        assert.equal(sent?.tags["messaging.batch.message_count"], "100");
        assert.deepEqual(new Set(processed.map(({ parentId }) => parentId)), new Set([sent.id]));
      });

      test("A flow's parent and child are below the one span of the call", async () => {
        const queue = newQueue();
        await apps.start(app("consumer", PORT, queue));
        await apps.start(app("consumer", PORT, `${queue}-child`));
        await post(`${producer.url}/${queue}?by=flow&frozen`, "hello", `id-${queue}`);
        const spans = await spansOf(zipkin, `id-${queue}`, 4);
        assert.deepEqual(kinds(spans), ["SERVER", "PRODUCER", "CONSUMER", "CONSUMER"]);
        const byName = new Map(spans.map((span) => [span.name, span]));
        const times = [`process ${queue}-child`, `process ${queue}`].map(
          (name) => byName.get(name)?.tags["redtrail.messaging.queue.time"],
        );
        assert.ok(Number(times[0]) >= 0);
        // It waited for its child.
        assert.equal(times[1], undefined);
      });

      test("A delayed job has waited since it was due", async () => {
        const queue = newQueue();
        await apps.start(app("consumer", PORT, queue), { REDTRAIL_MESSAGING_LINK_AFTER: "900" });
        await post(`${producer.url}/${queue}?delay=1000`, "later", `id-${queue}`);
        const spans = await spansOf(zipkin, `id-${queue}`, 3);
        assert.equal(chain(spans).length, 3);
        assert.ok(Number(spans[2]?.tags["redtrail.messaging.queue.time"]) < 0.9);
      });

      test("Each run of a schedule is a request of its own", async () => {
        const queue = newQueue();
        await apps.start(app("consumer", PORT, queue));
        await post(`${producer.url}/${queue}?by=${schedule}`, "again", `id-${queue}`);
        const runs = (all: readonly ZipkinSpan[]): readonly ZipkinSpan[] =>
          all.filter(({ name }) => name === `process ${queue}`);
        const spans = runs(await zipkin.waitFor((all) => runs(all).length === 2));
        assert.deepEqual(
          spans.map(({ parentId }) => parentId),
          [undefined, undefined],
        );
        assert.equal(new Set([`id-${queue}`, ...spans.map(({ tags }) => tags["http.request.id"])]).size, 3);
      });

      test("A job whose worker died comes again, below who added it", async () => {
        const queue = newQueue();
        const dying = await apps.start(app("consumer", PORT, queue, "hang"));
        await post(`${producer.url}/${queue}`, "hello", `id-${queue}`);
        await until(() => seenBy(dying).length === 1);
        await dying.stop("SIGKILL");
        const worker = await apps.start(app("consumer", PORT, queue));
        const spans = await spansOf(zipkin, `id-${queue}`, 3);
        assert.equal(chain(spans).length, 3);
        await until(() => /event stalled[^]*event completed/.test(worker.stdout()), worker.stdout);
      });

      test("A worker without redtrail gets the job as it was", async () => {
        const queue = newQueue();
        const stranger = await apps.startStranger(app("consumer", PORT, queue));
        await post(`${producer.url}/${queue}`, "for a stranger", `id-${queue}`);
        const seen = await until(() => seenBy(stranger)[0]);
        assert.deepEqual(seen["data"], { body: "for a stranger" });
      });

      test("A job of a producer without redtrail starts a trace, with an id of its own", async () => {
        const queue = newQueue();
        const worker = await apps.start(app("consumer", PORT, queue));
        const stranger = await apps.startStranger(app("producer", PORT));
        await post(`${stranger.url}/${queue}`, "from a stranger", "unknown");
        const spans = await zipkin.waitFor((all) => all.some(({ name }) => name === `process ${queue}`));
        const span = spans.find(({ name }) => name === `process ${queue}`);
        assert.equal(span?.parentId, undefined);
        assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
        assert.equal(seenBy(worker)[0]?.id, span?.tags["http.request.id"]);
        assert.ok(Number(span?.tags["redtrail.messaging.queue.time"]) >= 0);
      });

      test("BullMQ's own work makes no spans", async () => {
        // Longer than the checks for stalled jobs of all workers above take to come.
        const known = /^(?:GET|POST|add |process )/;
        assert.deepEqual([...new Set(zipkin.spans.map(({ name }) => name).filter((name) => !known.test(name)))], []);
      });

      test("With OpenTelemetry's ioredis on, a job is one command more, below its add, and the worker none", async () => {
        const queue = newQueue();
        const on = { OTEL_NODE_DISABLED_INSTRUMENTATIONS: "" };
        const worker = await apps.start(app("consumer", PORT, queue), on);
        const observed = await apps.start(app("producer", PORT), on);
        // The first one connects.
        await post(`${observed.url}/${queue}`, "hello", `id-${queue}-1`);
        await post(`${observed.url}/${queue}?attempts=3`, "poison", `id-${queue}-2`);
        const spans = await spansOf(zipkin, `id-${queue}-2`, 6);
        const [, sent, ...rest] = spans;
        assert.equal(rest.filter(({ kind }) => kind === "CLIENT").length, 1);
        assert.deepEqual(new Set(rest.map(({ parentId }) => parentId)), new Set([sent?.id]));
        // What the worker does for itself (fetching, locks, stalled jobs) would be a span without a request, or below `process`.
        await until(() => worker.stdout().match(/event completed/g)?.length === 2);
        await worker.stop();
        const commands = zipkin.spans.filter(({ kind }) => kind === "CLIENT");
        const processed = new Set(zipkin.spans.filter(({ kind }) => kind === "CONSUMER").map(({ id }) => id));
        assert.deepEqual(
          commands.filter(({ parentId }) => parentId === undefined || processed.has(parentId)),
          [],
        );
      });

      const theirPackage = versionOf("bullmq-otel", "bullmq-otel@2");
      // It is CommonJS here, and the app's copy of BullMQ with it.
      if (extension === "mjs") return;
      test(
        "bullmq-otel and redtrail understand each other's jobs, and an app that has it is left to it",
        { skip: theirPackage === undefined ? lacksLibrary("bullmq-otel@2") : false },
        async () => {
          const queue = newQueue();
          const otel = { BULLMQ_OTEL: theirPackage ?? "" };
          const theirs = await apps.start(app("producer", PORT), otel);
          const worker = await apps.start(app("consumer", PORT, queue));
          await post(`${theirs.url}/${queue}`, "hello", `id-${queue}-1`);
          const toUs = await spansOf(zipkin, `id-${queue}-1`, 3);
          assert.deepEqual(kinds(toUs), ["SERVER", "PRODUCER", "CONSUMER"]);
          assert.equal(toUs[1]?.tags["otel.scope.name"], "own");
          assert.equal(toUs[2]?.parentId, toUs[1]?.id);
          await worker.stop("SIGKILL");

          const theirWorker = await apps.start(app("consumer", PORT, queue), otel);
          await post(`${producer.url}/${queue}`, "hello", `id-${queue}-2`);
          await until(() => /event completed/.test(theirWorker.stdout()));
          const toThem = await spansOf(zipkin, `id-${queue}-2`, 4);
          const processed = toThem.filter(({ kind }) => kind === "CONSUMER");
          assert.deepEqual(
            processed.map(({ parentId, tags }) => [parentId, tags["otel.scope.name"]]),
            [[toThem[1]?.id, "own"]],
          );
        },
      );
    },
  );
}

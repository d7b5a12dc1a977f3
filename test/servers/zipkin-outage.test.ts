// A real Zipkin goes away under traffic and comes back: nothing is lost, and the app does not feel it.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { medianAndP99, startLoad } from "../support/load.ts";
import { startOwnZipkin } from "../support/own-zipkin.ts";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksServers } from "../support/servers.ts";

const skip = await lacksServers();
const EXPORTED = "otel_sdk_exporter_span_exported_total";

test("Zipkin away for 20 s under traffic: no span is lost, and the app answers as before", { skip }, async (t) => {
  const service = `outage-${process.pid}`;
  const zipkin = await startOwnZipkin(9_422);
  const app = await runApp({
    app: "lifecycle-app.cjs",
    env: {
      OTEL_SERVICE_NAME: service,
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "500",
      // However long Zipkin takes to start: what is tested is that nothing is lost within the bound.
      OTEL_BSP_MAX_QUEUE_SIZE: "20000",
    },
  });
  t.after(async () => {
    await zipkin.kill();
    await app.stop("SIGKILL");
  });

  const before = startLoad(`${app.url}/`, 40, "before");
  await wait(5_000);
  await before.stop();
  await wait(1_500);
  await zipkin.kill();
  // Its memory is gone with it: from here on every span must be in the next one.
  const exportedBefore = sumOf(await app.scrape(), EXPORTED);

  const during = startLoad(`${app.url}/`, 40, "during");
  await wait(20_000);
  await zipkin.restart();
  await wait(5_000);
  await during.stop();
  const expected = during.ids.size;

  let found = 0;
  for (let i = 0; i < 160 && found < expected; i++) {
    await wait(250);
    found = (await zipkin.spanIds(service)).size;
  }
  t.diagnostic(
    `${found} of ${expected} spans arrived; latency p50/p99 ms: ${medianAndP99(before.latenciesMs)} before, ${medianAndP99(during.latenciesMs)} during`,
  );
  assert.equal(found, expected);
  assert.equal(sumOf(await app.scrape(), EXPORTED) - exportedBefore, expected);
  const says = app.stderr().match(/redtrail: Zipkin [^\n]*/g) ?? [];
  assert.ok(says.length >= 2 && says.length <= 3, `the outage and its end, and not once a second: ${says.join("\n")}`);
});

test(
  "Zipkin killed, then our own process by SIGTERM, both under traffic: with a spool every span is there after the restart",
  { skip },
  async (t) => {
    const service = `spool-${process.pid}`;
    const folder = mkdtempSync(join(tmpdir(), "redtrail-spool-"));
    const zipkin = await startOwnZipkin(9_423);
    const env = {
      OTEL_SERVICE_NAME: service,
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      // Small, so that most of it has to go through the disk while the process runs, and the rest at its end.
      OTEL_BSP_MAX_QUEUE_SIZE: "500",
      REDTRAIL_SPOOL_DIR: folder,
    };
    t.after(async () => {
      await zipkin.kill();
      rmSync(folder, { recursive: true });
    });
    const first = await runApp({ app: "lifecycle-app.cjs", env: { ...env, HANDLER: "drain-and-exit" } });
    await wait(1_000);
    await zipkin.kill();
    const load = startLoad(`${first.url}/`, 200, "load");
    await wait(10_000);
    await load.stop();
    const { code, stderr } = await first.stop("SIGTERM");
    assert.equal(code, 9, stderr);
    assert.match(stderr, /\d+ spans are kept in \S+ for the next start/);
    assert.doesNotMatch(stderr, /were not delivered/);
    const segments = readdirSync(folder).length;

    await zipkin.restart();
    const second = await runApp({ app: "lifecycle-app.cjs", env });
    t.after(() => second.stop("SIGKILL"));
    // The second app has made two of its own.
    const expected = load.ids.size + 2;
    let found = 0;
    for (let i = 0; i < 160 && found < expected; i++) {
      await wait(250);
      found = (await zipkin.spanIds(service)).size;
    }
    t.diagnostic(`${found} of ${expected} spans arrived, out of ${segments} segments`);
    assert.equal(found, expected);
    for (let i = 0; i < 40 && readdirSync(folder).length > 0; i++) await wait(100);
    assert.deepEqual(readdirSync(folder), [], "nothing is kept that was delivered");
  },
);

// The real PM2 in cluster mode, whose daemon is the workers' primary and knows nothing of redtrail.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../support/free-port.ts";
import { type PackedApp, installPacked } from "../support/packed-app.ts";
import { parseSamples, sumOf } from "../support/scrape.ts";
import { lacksServers } from "../support/servers.ts";

const APP = `require("node:http").createServer((_, response) => response.end(String(process.pid)))
  .listen(Number(process.env.APP_PORT), "127.0.0.1");`;
const COUNT = "http_server_request_duration_seconds_count";
const WORKERS = 4;

// It fetches packages, as the suites with servers do.
const skip = await lacksServers();

describe("PM2's cluster mode", { skip }, () => {
  let packed: PackedApp;
  let appPort: number;
  let metricsUrl: string;

  function pm2(...args: string[]): void {
    const env = {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
      PM2_HOME: join(packed.folder, ".pm2"),
      APP_PORT: String(appPort),
      OTEL_TRACES_EXPORTER: "none",
      OTEL_EXPORTER_PROMETHEUS_PORT: new URL(metricsUrl).port,
    };
    const script = join(packed.folder, "node_modules/pm2/bin/pm2");
    execFileSync(process.execPath, [script, ...args], { cwd: packed.folder, env, stdio: "pipe", timeout: 60_000 });
  }

  /** Asks until all workers answer; each process asked is one request. */
  async function send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await (await fetch(`http://127.0.0.1:${appPort}/`)).text();
  }

  /** The sum, once the group has its four members again. */
  async function total(): Promise<number> {
    for (let attempt = 0; attempt < 150; attempt++) {
      const text = await fetch(metricsUrl).then(
        (response) => response.text(),
        () => "",
      );
      const members = parseSamples(text).find(({ name }) => name === "redtrail_cluster_members")?.value;
      if (members === WORKERS - 1) return sumOf(text, COUNT);
      await wait(100);
    }
    throw new Error("the workers have not found each other");
  }

  before(async () => {
    packed = installPacked("pm2@6");
    packed.write("app.cjs", APP);
    appPort = await freePort();
    metricsUrl = `http://127.0.0.1:${await freePort()}/metrics`;
    pm2("start", "app.cjs", "-i", String(WORKERS), "--node-args=--require redtrail/register");
  });
  after(() => {
    pm2("kill");
    packed.remove();
  });

  test("One port has the sum of all workers, and it survives a reload and a restart of them all", async () => {
    assert.equal(await total(), 0);
    await send(200);
    assert.equal(await total(), 200);
    for (const command of ["reload", "restart"]) {
      pm2(command, "app");
      assert.equal(await total(), 200, command);
    }
    await send(100);
    assert.equal(await total(), 300);
  });

  test("The service is named after the app, not after PM2", async () => {
    const text = await (await fetch(metricsUrl)).text();
    assert.equal(parseSamples(text).find(({ name }) => name === "target_info")?.labels["service_name"], "packed-app");
  });
});

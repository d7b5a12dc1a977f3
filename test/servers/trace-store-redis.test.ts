// Shared storage in real Redis and Valkey servers: the contract of all stores, and what only they can show.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { tracingChannel } from "node:diagnostics_channel";
import { mkdtempSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { context as contextApi } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { isTracingSuppressed } from "@opentelemetry/core";
import { isInstalled } from "../../scripts/servers/process.ts";
import { valkeyServer } from "../../scripts/servers/valkey.ts";
import { readConfig } from "../../src/config/read.ts";
import { createSharedTraces } from "../../src/trace-store/create.ts";
import { createRecordCodec } from "../../src/trace-store/record.ts";
import type { TraceStore } from "../../src/trace-store/store.ts";
import { traceStoreContract } from "../contracts/trace-store.ts";
import { type OwnRedis, startOwnRedis } from "../support/own-redis.ts";
import { PRELOAD } from "../support/run-app.ts";
import { lacks } from "../support/servers.ts";

const TRACE = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "a",
};
const PASSWORD = "p%40ss:w%2Frd";
const noRedis = isInstalled("redis-server") ? false : lacks("there is no redis-server (npm run servers)");
const noValkey = valkeyServer() === undefined ? lacks("there is no Valkey (npm run servers)") : false;

/** Resolves when it takes commands. */
async function open(env: Readonly<Record<string, string>>): Promise<TraceStore> {
  const { config, problems } = readConfig(env, []);
  assert.deepEqual(problems, []);
  const store = createSharedTraces(config.traceStore)?.store;
  assert.ok(store);
  // The first question waits for the connection.
  await store.get("nothing");
  assert.equal(store.stats.isAway, false, JSON.stringify(store.stats));
  return uncounted(store);
}

/** The contract counts from here on. */
function uncounted(store: TraceStore): TraceStore {
  const { reads } = store.stats;
  (reads as { miss: number }).miss = 0;
  return store;
}

before(() => contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
after(() => contextApi.disable());

for (const [name, program, skip, port] of [
  ["Redis", "redis-server", noRedis, 6410],
  ["Valkey", valkeyServer() ?? "", noValkey, 6411],
] as const) {
  describe(name, { skip }, () => {
    let redis: OwnRedis;
    const folder = mkdtempSync(join(tmpdir(), "redtrail-store-"));
    const socket = join(folder, "redis.sock");

    before(async () => {
      redis = await startOwnRedis({ port, program, args: ["--unixsocket", socket] });
    });
    after(() => redis.kill());

    const env = (): Record<string, string> => ({ REDTRAIL_TRACE_STORE_URL: redis.url });
    traceStoreContract(name, { create: (ttl) => open({ ...env(), REDTRAIL_TRACE_STORE_TTL: String(ttl) }) });
    traceStoreContract(`${name}, with a secret`, {
      create: (ttl) =>
        open({
          ...env(),
          REDTRAIL_TRACE_STORE_TTL: String(ttl),
          REDTRAIL_TRACE_STORE_SECRET: "s",
          REDTRAIL_TRACE_STORE_NAMESPACE: "n",
        }),
    });

    test(`${name} by its Unix socket, in another database`, async () => {
      const store = await open({ REDTRAIL_TRACE_STORE_URL: `unix://${socket}?db=3` });
      store.set("by-socket", TRACE);
      assert.deepEqual(await store.get("by-socket"), TRACE);
      assert.equal(redis.cli("-n", "3", "EXISTS", "redtrail:v1:default:by-socket"), "1");
      assert.equal(redis.cli("EXISTS", "redtrail:v1:default:by-socket"), "0");
      await store.close(250);
    });

    test(`${name}: namespaces do not see each other`, async () => {
      const [a, b] = await Promise.all(
        ["a", "b"].map((namespace) => open({ ...env(), REDTRAIL_TRACE_STORE_NAMESPACE: namespace })),
      );
      a?.set("same", TRACE);
      assert.deepEqual(await a?.get("same"), TRACE);
      assert.equal(await b?.get("same"), undefined);
      await Promise.all([a?.close(250), b?.close(250)]);
    });

    test(`${name}: a record has the bytes and the time that the documentation says`, async () => {
      const store = await open(env());
      store.set("019ac4e2-7c1f-7d1e-a5c0-3a3f2b1c4d5e", { ...TRACE, service: "checkout" });
      await store.flush(1_000);
      const key = "redtrail:v1:default:019ac4e2-7c1f-7d1e-a5c0-3a3f2b1c4d5e";
      const bytes = Number(redis.cli("MEMORY", "USAGE", key));
      console.log(`      ${name}: ${bytes} bytes for a record`);
      assert.ok(bytes > 100 && bytes < 260, String(bytes));
      const ttl = Number(redis.cli("PTTL", key));
      assert.ok(ttl > 290_000 && ttl <= 300_000, String(ttl));
      await store.close(250);
    });

    test(`${name}: a user with the documented rights, and no others, is enough`, async () => {
      redis.cli(
        "ACL",
        "SETUSER",
        "redtrail",
        "reset",
        "on",
        `>${decodeURIComponent(PASSWORD)}`,
        "~redtrail:v1:*",
        "+getrange",
        "+set",
      );
      const url = `redis://redtrail:${PASSWORD}@127.0.0.1:${port}`;
      const store = await open({ REDTRAIL_TRACE_STORE_URL: url });
      store.set("acl", TRACE);
      assert.deepEqual(await store.get("acl"), TRACE);
      assert.deepEqual([store.stats.reads.error, store.stats.writes.error], [0, 0]);
      await store.close(250);
      // Of another database it has to select it.
      redis.cli("ACL", "SETUSER", "redtrail", "+select");
      const other = await open({ REDTRAIL_TRACE_STORE_URL: `${url}/2` });
      other.set("acl", TRACE);
      assert.deepEqual(await other.get("acl"), TRACE);
      await other.close(250);
    });

    test(`${name}: a foreign value of any kind or size is no trace`, async () => {
      const store = await open({ ...env(), REDTRAIL_TRACE_STORE_SECRET: "s" });
      const codec = createRecordCodec("default", "s");
      const forged = createRecordCodec("default", "t").encode(codec.key("forged"), TRACE);
      redis.cli("SET", codec.key("forged"), forged);
      redis.cli("SET", codec.key("plain"), createRecordCodec("default", undefined).encode("", TRACE));
      redis.cli("RPUSH", codec.key("list"), "a");
      redis.cli("SETRANGE", codec.key("huge"), "50000000", "x");
      for (const id of ["forged", "plain", "list", "huge"]) assert.equal(await store.get(id), undefined, id);
      assert.deepEqual([store.stats.reads.rejected, store.stats.reads.error], [3, 1]);
      await store.close(250);
    });

    test(`${name}: all commands of a turn are one write, and nobody's trace`, async (t) => {
      const store = await open(env());
      let suppressed = 0;
      const channel = tracingChannel("node-redis:command");
      const subscribers = { start: () => void (isTracingSuppressed(contextApi.active()) && suppressed++) };
      channel.subscribe(subscribers as never);
      const writes: number[] = [];
      const prototype = Socket.prototype as unknown as { _writev(chunks: unknown[], done: () => void): void };
      const { _writev: original } = prototype;
      t.mock.method(prototype, "_writev", function spy(this: unknown, chunks: unknown[], done: () => void): void {
        writes.push(chunks.length);
        original.call(this, chunks, done);
      } as never);
      const single = t.mock.method(Socket.prototype, "_write");
      for (let i = 0; i < 100; i++) store.set(`turn-${i}`, TRACE);
      await store.flush(1_000);
      channel.unsubscribe(subscribers as never);
      assert.equal(writes.length + single.mock.callCount(), 1);
      assert.equal(suppressed, 100);
      assert.equal(store.stats.writes.written, 100);
      await store.close(250);
    });

    test(`${name}: the process ends as if there were no store`, () => {
      const run = (script: string): number => {
        const start = performance.now();
        const args = ["--require", PRELOAD, "-e", script];
        const { status, stderr } = spawnSync(process.execPath, args, {
          encoding: "utf8",
          env: { ...env(), OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none", PATH: process.env["PATH"] },
        });
        assert.equal(status, 0, stderr);
        return performance.now() - start;
      };
      run("");
      const connected = "setTimeout(() => {}, 300)";
      assert.ok(run(connected) < 2_500);
    });
  });
}

describe("Redis by TLS", { skip: noRedis }, () => {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-store-tls-"));
  const pair = (name: string) => {
    const files = { key: join(folder, `${name}.key`), cert: join(folder, `${name}.pem`) };
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...kind, ...subject, "-keyout", files.key, "-out", files.cert], { stdio: "ignore" });
    return files;
  };
  let redis: OwnRedis;
  let server: ReturnType<typeof pair>;
  let client: ReturnType<typeof pair>;
  const port = 6412;

  before(async () => {
    server = pair("server");
    client = pair("client");
    const tls = ["--tls-cert-file", server.cert, "--tls-key-file", server.key, "--tls-ca-cert-file", client.cert];
    redis = await startOwnRedis({
      port: 6413,
      args: [...tls, "--tls-port", String(port), "--tls-auth-clients", "yes", "--requirepass", "secret"],
    });
  });
  after(() => redis.kill());

  const url = `rediss://:secret@127.0.0.1:${port}`;

  test("with its own CA, a certificate of ours and a password", async () => {
    const store = await open({
      REDTRAIL_TRACE_STORE_URL: url,
      REDTRAIL_TRACE_STORE_CA_FILE: server.cert,
      REDTRAIL_TRACE_STORE_CLIENT_CERT_FILE: client.cert,
      REDTRAIL_TRACE_STORE_CLIENT_KEY_FILE: client.key,
    });
    store.set("tls", TRACE);
    assert.deepEqual(await store.get("tls"), TRACE);
    await store.close(250);
  });

  for (const [what, env] of [
    ["a certificate that nobody vouches for", {}],
    ["no certificate of ours", { REDTRAIL_TRACE_STORE_CA_FILE: "server" }],
    [
      "a wrong password",
      { REDTRAIL_TRACE_STORE_CA_FILE: "server", REDTRAIL_TRACE_STORE_URL: url.replace("secret", "wrong") },
    ],
    ["no password", { REDTRAIL_TRACE_STORE_CA_FILE: "server", REDTRAIL_TRACE_STORE_URL: url.replace(":secret@", "") }],
  ] as const) {
    test(`is away with ${what}, and asks nothing`, async () => {
      const withFiles = "REDTRAIL_TRACE_STORE_CA_FILE" in env ? { REDTRAIL_TRACE_STORE_CA_FILE: server.cert } : {};
      const withCert = what.includes("password")
        ? { REDTRAIL_TRACE_STORE_CLIENT_CERT_FILE: client.cert, REDTRAIL_TRACE_STORE_CLIENT_KEY_FILE: client.key }
        : {};
      const { config } = readConfig({ REDTRAIL_TRACE_STORE_URL: url, ...env, ...withFiles, ...withCert }, []);
      const store = createSharedTraces(config.traceStore)?.store as TraceStore;
      assert.equal(await store.get("x"), undefined);
      assert.equal(store.stats.isAway, true);
      assert.equal(store.stats.reads.unavailable, 1);
      await store.close(250);
    });
  }
});

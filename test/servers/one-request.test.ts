// One request through everything: HTTP, RabbitMQ, Kafka, NATS, a BullMQ job, and a service that gets nothing but its X-Request-ID.
//
//   front SERVER
//   ├─ front PRODUCER ─ fromRabbit CONSUMER ─ fromRabbit PRODUCER ─ fromKafka CONSUMER ─ fromKafka PRODUCER
//   │    ─ fromNats CONSUMER ─ fromNats PRODUCER ─ fromJob CONSUMER ─ fromJob CLIENT ─ (a proxy without redtrail)
//   └─ last SERVER, by the shared store
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { KAFKA_PORT } from "../../scripts/servers/kafka.ts";
import { NATS_PORT } from "../../scripts/servers/nats.ts";
import { RABBITMQ_PORT } from "../../scripts/servers/rabbitmq.ts";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningApp, runApp, spawnApp } from "../support/run-app.ts";
import { lacksPort, lacksServers } from "../support/servers.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const BROKERS = [
  ["RabbitMQ", RABBITMQ_PORT],
  ["Kafka", KAFKA_PORT],
  ["NATS", NATS_PORT],
  ["Redis", REDIS_PORT],
] as const;
const missing = await Promise.all([lacksServers(), ...BROKERS.map(([name, port]) => lacksPort(name, port))]);
const skip = missing.find((reason) => reason !== false) ?? false;

/** In the order in which they have to be there. */
const ROLES = ["last", "fromJob", "fromNats", "fromKafka", "fromRabbit", "front"] as const;
type Role = (typeof ROLES)[number];

/** From the front to the call that the proxy takes, each span the parent of the next. */
const CHAIN: readonly (readonly [role: Role, kind: NonNullable<ZipkinSpan["kind"]>])[] = [
  ["front", "SERVER"],
  ["front", "PRODUCER"],
  ["fromRabbit", "CONSUMER"],
  ["fromRabbit", "PRODUCER"],
  ["fromKafka", "CONSUMER"],
  ["fromKafka", "PRODUCER"],
  ["fromNats", "CONSUMER"],
  ["fromNats", "PRODUCER"],
  ["fromJob", "CONSUMER"],
  ["fromJob", "CLIENT"],
];

describe("One request through every broker, and a service that knows its X-Request-ID alone", { skip }, () => {
  const name = `redtrail-chain-${process.pid}`;
  let store: ChildProcess;
  let storePort: number;
  const running: { stop(signal?: NodeJS.Signals): Promise<unknown> }[] = [];
  let front: RunningApp;

  const serviceOf = (role: Role): string => `${name}-${role.toLowerCase()}`;

  async function startStore(): Promise<void> {
    store = spawn("redis-server", ["--port", String(storePort), "--bind", "127.0.0.1", "--save", ""]);
    for await (const chunk of store.stdout as AsyncIterable<Buffer>)
      if (String(chunk).includes("Ready to accept")) break;
  }

  async function startRole(role: Role, nextUrl: string): Promise<RunningApp> {
    const app = await runApp({
      app: ["test/fixtures/chain-app.cjs", role],
      env: {
        CHAIN_NAME: name,
        RABBITMQ_URL: `amqp://127.0.0.1:${RABBITMQ_PORT}`,
        KAFKA_BROKER: `127.0.0.1:${KAFKA_PORT}`,
        NATS_URL: `nats://127.0.0.1:${NATS_PORT}`,
        REDIS_PORT: String(REDIS_PORT),
        NEXT_URL: nextUrl,
        OTEL_SERVICE_NAME: serviceOf(role),
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${ZIPKIN_URL}/api/v2/spans`,
        REDTRAIL_TRACE_STORE_URL: `redis://127.0.0.1:${storePort}`,
      },
    });
    running.push(app);
    return app;
  }

  before(async () => {
    storePort = await freePort();
    await startStore();
    let nextUrl = "";
    for (const role of ROLES) {
      const app = await startRole(role, nextUrl);
      if (role === "last") nextUrl = await startProxy(app.url);
      if (role === "front") front = app;
    }
  });

  /** Without redtrail, as most of what lies between services is. */
  async function startProxy(target: string): Promise<string> {
    const proxy = spawnApp({ app: ["test/fixtures/chain-app.cjs", "proxy"], nodeArgs: [], env: { NEXT_URL: target } });
    running.push(proxy);
    for (;;) {
      const url = /listening (\S+)/.exec(proxy.stdout())?.[1];
      if (url !== undefined) return url;
      await once(proxy.child.stdout as NodeJS.ReadableStream, "data");
    }
  }

  after(async () => {
    await Promise.all(running.map((app) => app.stop("SIGKILL")));
    store?.kill("SIGKILL");
  });

  async function request(id: string): Promise<readonly ZipkinSpan[]> {
    const response = await fetch(front.url, { headers: { "x-request-id": id } });
    assert.equal(response.headers.get("x-request-id"), id);
    return spansOf(id);
  }

  /** All spans with the id, once the last service has told of it and the producers have. */
  async function spansOf(id: string): Promise<readonly ZipkinSpan[]> {
    const url = `${ZIPKIN_URL}/api/v2/traces?limit=100&annotationQuery=${encodeURIComponent(`http.request.id=${id}`)}`;
    let spans: readonly ZipkinSpan[] = [];
    for (let tries = 0; tries < 150; tries++) {
      spans = ((await (await fetch(url)).json()) as ZipkinSpan[][]).flat();
      if (spans.filter(isOfChain).length === CHAIN.length + 1) return spans;
      await wait(100);
    }
    throw new Error(
      `not the whole request: ${JSON.stringify(spans.map(({ localEndpoint, kind, name }) => [localEndpoint.serviceName, kind, name]))}`,
    );
  }

  const isOf = (span: ZipkinSpan, role: Role, kind: string): boolean =>
    span.localEndpoint.serviceName === serviceOf(role) && span.kind === kind;
  /** Commands to Redis are calls too, below the chain and not of it. */
  const isOfChain = (span: ZipkinSpan): boolean =>
    span.tags["db.system.name"] === undefined &&
    (isOf(span, "last", "SERVER") || CHAIN.some(([role, kind]) => isOf(span, role, kind)));

  /** The chain as it should be, or the assertion that fails. */
  function assertChain(spans: readonly ZipkinSpan[]): ZipkinSpan[] {
    const chain = CHAIN.map(
      ([role, kind]) => spans.filter(isOfChain).find((span) => isOf(span, role, kind)) as ZipkinSpan,
    );
    for (const [index, span] of chain.entries()) {
      const [role, kind] = CHAIN[index] as (typeof CHAIN)[number];
      assert.equal(span.parentId, chain[index - 1]?.id, `${role} ${kind} is not below the span before it`);
      assert.ok(span.timestamp >= (chain[index - 1]?.timestamp ?? 0), `${role} ${kind} is before its parent`);
    }
    return chain;
  }

  test("is one trace, whole and in order, with one request id on every span", async (t) => {
    const id = `${name}-1`;
    const spans = await request(id);
    const [first] = assertChain(spans);
    const last = spans.find((span) => isOf(span, "last", "SERVER"));
    assert.equal(last?.parentId, first?.id, "the last service has not joined through the store");
    assert.deepEqual([...new Set(spans.map(({ traceId }) => traceId))], [first?.traceId]);
    assert.deepEqual([...new Set(spans.map(({ tags }) => tags["http.request.id"]))], [id]);
    t.diagnostic(`${spans.length} spans in one trace`);
  });

  test("is still one request id without the store: the chain as before, and a trace of the last service's own", async () => {
    store.kill("SIGKILL");
    await once(store, "exit");
    const id = `${name}-2`;
    const spans = await request(id);
    const [first] = assertChain(spans);
    const last = spans.find((span) => isOf(span, "last", "SERVER"));
    assert.equal(last?.parentId, undefined);
    assert.notEqual(last?.traceId, first?.traceId);
    assert.deepEqual([...new Set(spans.map(({ tags }) => tags["http.request.id"]))], [id]);
  });

  test("is one trace again when the store is back", async () => {
    await startStore();
    // The stores' clients find it by themselves, each in its own time.
    for (let tries = 0; ; tries++) {
      const id = `${name}-3-${tries}`;
      const spans = await request(id);
      const [first] = assertChain(spans);
      const last = spans.find((span) => isOf(span, "last", "SERVER"));
      assert.deepEqual([...new Set(spans.map(({ tags }) => tags["http.request.id"]))], [id]);
      if (last?.parentId === first?.id) return;
      assert.ok(tries < 30, "the store is not used again");
      await wait(500);
    }
  });
});

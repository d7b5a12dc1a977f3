import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get, request } from "node:http";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import {
  type MetricsServer,
  type MetricsServerOptions,
  OWN_SERVER,
  startMetricsServer,
} from "../../../src/exporters/prometheus/server.ts";

async function withServer(
  options: Partial<MetricsServerOptions>,
  run: (url: string, server: MetricsServer) => Promise<void>,
): Promise<void> {
  const server = startMetricsServer({ host: "localhost", port: 0, scrape: async () => "a 1\n", ...options });
  const { url } = await server.ready;
  assert.ok(url);
  try {
    await run(url, server);
  } finally {
    await server.close();
  }
}

test("GET /metrics answers the exposition with its content type", () =>
  withServer({}, async (url) => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.equal(await response.text(), "a 1\n");
  }));

test("HEAD answers without a body, other methods 405, other paths 404, health paths 200", () =>
  withServer({}, async (url) => {
    const head = await fetch(url, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "4");
    const post = await fetch(url, { method: "POST" });
    assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
    const base = url.replace("/metrics", "");
    for (const [path, status] of [
      ["/", 404],
      ["/metricsx", 404],
      ["/metrics?x=1", 200],
      ["/-/healthy", 200],
      ["/-/ready", 200],
    ] as const) {
      assert.equal((await fetch(base + path)).status, status, path);
    }
  }));

test("A body of 1 KiB or more is compressed for who accepts gzip, and for nobody else", () =>
  withServer({ scrape: async () => "a 1\n".repeat(256) }, async (url) => {
    for (const [accepts, expected] of [
      ["gzip", "gzip"],
      ["deflate, gzip;q=0.5", "gzip"],
      ["gzip;q=0", undefined],
      ["identity", undefined],
    ] as const) {
      const [response] = (await once(get(url, { headers: { "accept-encoding": accepts } }), "response")) as [
        import("node:http").IncomingMessage,
      ];
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      assert.equal(response.headers["content-encoding"], expected, accepts);
      const body = Buffer.concat(chunks);
      assert.equal((expected === undefined ? body : gunzipSync(body)).length, 1024);
    }
  }));

test("A failing collection is a 503 with its reason, and the next scrape works", () => {
  let calls = 0;
  const scrape = async (): Promise<string> => {
    if (calls++ === 0) throw new Error("no luck");
    return "a 1\n";
  };
  return withServer({ scrape }, async (url) => {
    const failed = await fetch(url);
    assert.equal(failed.status, 503);
    assert.match(await failed.text(), /no luck/);
    assert.equal((await fetch(url)).status, 200);
  });
});

test("The scraper's timeout is passed on, less a tenth", () => {
  const seen: number[] = [];
  const scrape = async (timeoutMs: number): Promise<string> => {
    seen.push(timeoutMs);
    return "";
  };
  return withServer({ scrape }, async (url) => {
    for (const seconds of ["5", "nonsense"])
      await fetch(url, { headers: { "x-prometheus-scrape-timeout-seconds": seconds } });
    assert.deepEqual(seen, [4_500, 10_000]);
  });
});

test("A port in use is given up for a free one, with one line that says both", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const server = startMetricsServer({ host: "localhost", port, scrape: async () => "a 1\n" });
  const { url, problem } = await server.ready;
  assert.equal(
    problem,
    `OTEL_EXPORTER_PROMETHEUS_PORT="${port}" is in use on 127.0.0.1; the metrics of this process are served at ${url} instead`,
  );
  assert.equal((await fetch(url as string)).status, 200);
  await server.close();
  other.close();
});

test("A host that is none of this machine's is said in one line, and nothing is served", async () => {
  const server = startMetricsServer({ host: "203.0.113.1", port: 0, scrape: async () => "" });
  const { url, problem } = await server.ready;
  assert.equal(url, undefined);
  assert.equal(
    problem,
    'OTEL_EXPORTER_PROMETHEUS_HOST="203.0.113.1" cannot be listened on (EADDRNOTAVAIL); metrics are not served',
  );
});

test("A handler of somebody else's answers in place of a scrape", () =>
  withServer({ handler: (_, response) => void response.end("theirs") }, async (url) => {
    assert.equal(await (await fetch(url)).text(), "theirs");
  }));

test("A handler that fails later is a 503", () =>
  withServer({ handler: () => Promise.reject(new Error("no luck")) }, async (url) => {
    assert.equal((await fetch(url)).status, 503);
  }));

test("The server is marked as redtrail's own", () => {
  let mark: unknown;
  const handler = ({ socket }: { socket: Socket }, response: { end(): unknown }): void => {
    mark = (socket as unknown as { server: Record<symbol, unknown> }).server[OWN_SERVER];
    response.end();
  };
  return withServer({ handler }, async (url) => {
    await (await fetch(url)).text();
    assert.equal(mark, true);
  });
});

test("A port that is none is said in one line, and nothing is served", async () => {
  const { url, problem } = await startMetricsServer({ host: "localhost", port: 65_536, scrape: async () => "" }).ready;
  assert.equal(url, undefined);
  assert.equal(
    problem,
    'OTEL_EXPORTER_PROMETHEUS_PORT="65536" cannot be listened on (ERR_SOCKET_BAD_PORT); metrics are not served',
  );
});

test("A server that is closed before it listens is ready with nothing, and does not listen afterwards", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");
  const server = startMetricsServer({ host: "localhost", port, scrape: async () => "" });
  await server.close();
  assert.deepEqual(await server.ready, {});
  await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`));
});

test("What is no HTTP is a 400, and headers of more than 8 KiB are a 431", () =>
  withServer({}, async (url) => {
    for (const [sent, status] of [
      ["nonsense\r\n\r\n", "400"],
      [`GET /metrics HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(9_000)}\r\n\r\n`, "431"],
    ] as const) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1").on("error", () => {});
      socket.write(sent);
      const [answer] = (await once(socket, "data")) as [Buffer];
      assert.equal(String(answer).split(" ")[1], status);
      socket.destroy();
    }
    assert.equal((await fetch(url)).status, 200);
  }));

test("A process ends although its server listens and a scraper keeps its connection", async () => {
  const file = new URL("../../../src/exporters/prometheus/server.ts", import.meta.url);
  const app = `import { startMetricsServer } from ${JSON.stringify(file)};
    const { ready } = startMetricsServer({ host: "localhost", port: 0, scrape: async () => "" });
    console.log((await ready).url);
    process.stdin.once("data", () => process.stdin.destroy());`;
  const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "--eval", app], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const [url] = (await once(child.stdout, "data")) as [Buffer];
  const [response] = (await once(get(String(url).trim(), { agent: new Agent({ keepAlive: true }) }), "response")) as [
    import("node:http").IncomingMessage,
  ];
  response.resume();
  await once(response, "end");
  child.stdin.write("end\n");
  assert.deepEqual(await exit, [0, null]);
});

test("A client that leaves in the middle harms nobody", () => {
  let leave = (): void => {};
  const scrape = async (): Promise<string> => {
    leave();
    return "a 1\n".repeat(100_000);
  };
  return withServer({ scrape }, async (url) => {
    const call = request(url).on("error", () => {});
    leave = () => call.destroy();
    call.end();
    await new Promise((resolve) => call.on("close", resolve));
    leave = () => {};
    assert.equal((await fetch(url)).status, 200);
  });
});

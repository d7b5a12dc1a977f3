import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, type RequestOptions, get, request } from "node:http";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import type { Body, Format } from "../../../src/exporters/prometheus/format.ts";
import {
  type MetricsServer,
  type MetricsServerOptions,
  OWN_SERVER,
  startMetricsServer,
} from "../../../src/exporters/prometheus/server.ts";

/** Pieces of a body, and what became of them. */
function bodyOf(...chunks: readonly Buffer[]): Body & { releases: number; released: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    chunks,
    byteLength: chunks.reduce((sum, { length }) => sum + length, 0),
    releases: 0,
    released: promise,
    release() {
      this.releases++;
      // As the writer of expositions does, it uses the memory again at once.
      for (const chunk of chunks) chunk.fill("!");
      resolve();
    },
  };
}

const textScrape = (text: string) => async (): Promise<Body> => bodyOf(Buffer.from(text));

async function responseTo(url: string, options: RequestOptions = {}): Promise<IncomingMessage> {
  const [response] = (await once(get(url, options), "response")) as [IncomingMessage];
  return response;
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function withServer(
  options: Partial<MetricsServerOptions>,
  run: (url: string, server: MetricsServer) => Promise<void>,
): Promise<void> {
  const server = startMetricsServer({ host: "localhost", port: 0, scrape: textScrape("a 1\n"), ...options });
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
  withServer({ scrape: textScrape("a 1\n".repeat(256)) }, async (url) => {
    for (const [accepts, expected] of [
      ["gzip", "gzip"],
      ["deflate, gzip;q=0.5", "gzip"],
      ["gzip;q=0", undefined],
      ["identity", undefined],
    ] as const) {
      const response = await responseTo(url, { headers: { "accept-encoding": accepts } });
      const body = await read(response);
      assert.equal(response.headers["content-encoding"], expected, accepts);
      assert.equal((expected === undefined ? body : gunzipSync(body)).length, 1024);
    }
  }));

test("A failing collection is a 503 with its reason, and the next scrape works", () => {
  let calls = 0;
  const scrape = async (): Promise<Body> => {
    if (calls++ === 0) throw new Error("no\nluck");
    return bodyOf(Buffer.from("a 1\n"));
  };
  return withServer({ scrape }, async (url) => {
    const failed = await fetch(url);
    assert.equal(failed.status, 503);
    assert.equal(await failed.text(), "no metrics: Error: no luck\n");
    assert.equal((await fetch(url)).status, 200);
  });
});

test("The scraper's timeout is passed on, less a tenth", () => {
  const seen: number[] = [];
  const scrape = async (_: Format, timeoutMs: number): Promise<Body> => {
    seen.push(timeoutMs);
    return bodyOf();
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
  const server = startMetricsServer({ host: "localhost", port, scrape: textScrape("a 1\n") });
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
  const server = startMetricsServer({ host: "203.0.113.1", port: 0, scrape: textScrape("") });
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
  const { url, problem } = await startMetricsServer({ host: "localhost", port: 65_536, scrape: textScrape("") }).ready;
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
  const server = startMetricsServer({ host: "localhost", port, scrape: textScrape("") });
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
    const { ready } = startMetricsServer({ host: "localhost", port: 0, scrape: async () => ({ chunks: [], byteLength: 0, release() {} }) });
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

test("A body of less than 1 KiB is not compressed", () =>
  withServer({ scrape: textScrape("a".repeat(1023)) }, async (url) => {
    const response = await responseTo(url, { headers: { "accept-encoding": "gzip" } });
    assert.equal(response.headers["content-encoding"], undefined);
    assert.equal((await read(response)).length, 1023);
  }));

test("The answer is in the format that was asked for", () => {
  const scrape = async ({ syntax, escaping }: Format): Promise<Body> => bodyOf(Buffer.from(`${syntax} ${escaping}`));
  return withServer({ scrape }, async (url) => {
    const accept = "text/plain;q=0.1,application/openmetrics-text;version=1.0.0;escaping=dots";
    const response = await fetch(url, { headers: { accept } });
    assert.equal(await response.text(), "openmetrics dots");
    assert.equal(
      response.headers.get("content-type"),
      "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
    );
    assert.equal(response.headers.get("vary"), "Accept, Accept-Encoding");
  });
});

test("HEAD has the headers of GET, and gives the memory back", () => {
  const bodies: ReturnType<typeof bodyOf>[] = [];
  const scrape = async (): Promise<Body> => {
    const body = bodyOf(Buffer.alloc(2000, "a"));
    bodies.push(body);
    return body;
  };
  return withServer({ scrape }, async (url) => {
    const names = ["content-type", "vary", "content-encoding", "content-length"];
    for (const accepts of ["identity", "gzip"]) {
      const headers = { "accept-encoding": accepts };
      const [got, head] = [await responseTo(url, { headers }), await responseTo(url, { headers, method: "HEAD" })];
      assert.ok((await read(got)).length > 0);
      assert.equal((await read(head)).length, 0);
      for (const name of names) assert.equal(head.headers[name], got.headers[name], `${accepts} ${name}`);
    }
    await Promise.all(bodies.map(({ released }) => released));
    assert.deepEqual(
      bodies.map(({ releases }) => releases),
      [1, 1, 1, 1],
    );
  });
});

/** 12.5 MiB, more than the sockets of both sides hold; random, so that gzip makes it no smaller. */
function largeBody(): ReturnType<typeof bodyOf> {
  return bodyOf(...Array.from({ length: 200 }, () => crypto.getRandomValues(Buffer.alloc(65_536))));
}

for (const accepts of ["identity", "gzip"]) {
  test(`A large body arrives whole (${accepts}) before its memory is used again`, () => {
    const body = largeBody();
    const expected = Buffer.concat(body.chunks);
    return withServer({ scrape: async () => body }, async (url) => {
      const response = await responseTo(url, { headers: { "accept-encoding": accepts } });
      // Nothing is read for some rounds, and nothing given back.
      for (let i = 0; i < 20; i++) await fetch(new URL("/-/ready", url));
      assert.equal(body.releases, 0);
      const sent = await read(response);
      assert.ok(expected.equals(accepts === "gzip" ? gunzipSync(sent) : sent));
      await body.released;
      assert.equal(body.releases, 1);
    });
  });

  test(`Who has not read its answer in 30 s (${accepts}) is sent away, and its memory comes back`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const body = largeBody();
    await withServer({ scrape: async () => body }, async (url) => {
      const response = await responseTo(url, { headers: { "accept-encoding": accepts } });
      t.mock.timers.tick(29_999);
      await fetch(new URL("/-/ready", url));
      assert.equal(body.releases, 0);
      t.mock.timers.tick(1);
      await body.released;
      // A half body cannot be taken for a whole one.
      await assert.rejects(read(response), { code: "ECONNRESET" });
      assert.equal(body.releases, 1);
    });
  });

  test(`Who leaves while it is answered (${accepts}) gives the memory back`, () => {
    const body = largeBody();
    return withServer({ scrape: async () => body }, async (url) => {
      const response = await responseTo(url, { headers: { "accept-encoding": accepts } });
      response.destroy();
      await body.released;
      assert.equal((await fetch(new URL("/-/ready", url))).status, 200);
      assert.equal(body.releases, 1);
    });
  });
}

test("Who leaves before the scrape is made gives the memory back too", () => {
  const left = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const body = bodyOf(Buffer.from("a 1\n"));
  const handler = { calls: 0 };
  const scrape = async (): Promise<Body> => {
    if (handler.calls++ > 0) return bodyOf();
    called.resolve();
    await left.promise;
    return body;
  };
  return withServer({ scrape }, async (url) => {
    const call = request(url).on("error", () => {});
    call.end();
    await called.promise;
    call.destroy();
    await new Promise((resolve) => call.on("close", resolve));
    // Answered after it, so that the server has seen it leave.
    assert.equal((await fetch(url)).status, 200);
    left.resolve();
    await body.released;
    assert.equal(body.releases, 1);
  });
});

test("A body whose memory cannot be given back harms nobody", () => {
  const release = (): void => {
    throw new Error("no luck");
  };
  const scrape = async (): Promise<Body> => ({ chunks: [Buffer.from("a")], byteLength: 1, release });
  return withServer({ scrape }, async (url) => {
    for (let i = 0; i < 2; i++) assert.equal(await (await fetch(url)).text(), "a");
  });
});

test("Twenty scrapes are answered at once; the next is asked to come again, and can when one is done", () => {
  const waiting: ((body: Body) => void)[] = [];
  const all = Promise.withResolvers<void>();
  const scrape = (): Promise<Body> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 20) all.resolve();
    });
  return withServer({ scrape }, async (url) => {
    const scrapes = Array.from({ length: 20 }, () => fetch(url));
    await all.promise;
    const busy = await fetch(url);
    assert.deepEqual([busy.status, busy.headers.get("retry-after")], [503, "1"]);
    assert.equal(await busy.text(), "too many scrapes at once\n");
    for (const resolve of waiting) resolve(bodyOf(Buffer.from("a")));
    for (const done of scrapes) assert.equal(await (await done).text(), "a");
    const next = fetch(url);
    while (waiting.length < 21) await new Promise(setImmediate);
    waiting[20]?.(bodyOf());
    assert.equal((await next).status, 200);
  });
});

test("Scrapes that fail or are left do not count for ever", () => {
  let calls = 0;
  const scrape = async (): Promise<Body> => {
    if (calls++ < 30) throw new Error("no luck");
    return bodyOf();
  };
  return withServer({ scrape }, async (url) => {
    for (let i = 0; i < 30; i++) assert.equal((await fetch(url)).status, 503);
    assert.equal((await fetch(url)).status, 200);
  });
});

test("/-/ready says what it is told, /-/healthy always that it is", () => {
  let isReady = false;
  return withServer({ isReady: () => isReady }, async (url) => {
    const ready = await fetch(new URL("/-/ready", url));
    assert.deepEqual([ready.status, await ready.text()], [503, "not ready\n"]);
    assert.equal((await fetch(new URL("/-/healthy", url))).status, 200);
    isReady = true;
    assert.equal((await fetch(new URL("/-/ready", url))).status, 200);
  });
});

test("On a loopback address, a Host that only a page on the web can mean is refused", () =>
  withServer({}, async (url) => {
    const { port } = new URL(url);
    for (const [host, status] of [
      ["localhost", 200],
      [`LocalHost:${port}`, 200],
      ["127.0.0.1", 200],
      [`127.255.255.255:${port}`, 200],
      ["[::1]:1", 200],
      ["", 200],
      ["128.0.0.1", 403],
      ["127.0.0.1.example.com", 403],
      ["localhost.example.com", 403],
      ["example.com:9464", 403],
      ["[::2]", 403],
      ["localhost:80:80", 403],
    ] as const) {
      for (const path of ["/metrics", "/-/ready"]) {
        const response = await responseTo(new URL(path, url).href, { headers: { host } });
        const text = String(await read(response));
        assert.equal(response.statusCode, status, host);
        if (status === 403) assert.match(text, /^[^\n]*OTEL_EXPORTER_PROMETHEUS_HOST[^\n]*\n$/);
      }
    }
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("GET /metrics HTTP/1.0\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(String(answer), /^HTTP\/1.1 200 /);
    socket.destroy();
  }));

test("On another address, any Host is right", () =>
  withServer({ host: "0.0.0.0" }, async (url) => {
    const local = url.replace("0.0.0.0", "127.0.0.1");
    const response = await responseTo(local, { headers: { host: "app.example.com" } });
    assert.equal(response.statusCode, 200);
    response.resume();
  }));

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
test("::1 is a loopback address", { skip: !hasIpv6 }, () =>
  withServer({ host: "::1" }, async (url) => {
    assert.match(url, /^http:\/\/\[::1\]:/);
    assert.equal((await fetch(url)).status, 200);
    const response = await responseTo(url, { headers: { host: "example.com" } });
    assert.equal(response.statusCode, 403);
    response.resume();
  }),
);

async function withAuthFile(text: string, run: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-server-"));
  try {
    const file = join(folder, "users");
    writeFileSync(file, text);
    await run(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("With a file of users, metrics are for them, and health for anybody", () =>
  withAuthFile("a:b\n", (authFile) =>
    withServer({ authFile }, async (url) => {
      const denied = await fetch(url);
      assert.deepEqual([denied.status, await denied.text()], [401, "unauthorized\n"]);
      assert.equal(denied.headers.get("www-authenticate"), 'Basic realm="redtrail"');
      for (const [auth, status] of [
        ["a:b", 200],
        ["a:c", 401],
      ] as const) {
        const response = await responseTo(url, { auth });
        assert.equal(response.statusCode, status);
        response.resume();
      }
      for (const path of ["/-/healthy", "/-/ready"]) assert.equal((await fetch(new URL(path, url))).status, 200);
    }),
  ));

test("A handler of somebody else's is behind the password too", () =>
  withAuthFile("a:b\n", (authFile) =>
    withServer({ authFile, handler: (_, response) => void response.end("theirs") }, async (url) => {
      assert.equal((await fetch(url)).status, 401);
      assert.equal(String(await read(await responseTo(url, { auth: "a:b" }))), "theirs");
    }),
  ));

test("Too many unknown passwords at once are a 503, and who is known is served", () => {
  const salt = Buffer.alloc(16).toString("base64");
  return withAuthFile(`a:scrypt:16384:8:1:${salt}:${salt}\nb:c\n`, (authFile) =>
    withServer({ authFile }, async (url) => {
      const statuses = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const response = await responseTo(url, { auth: `a:${index}` });
          response.resume();
          return response.statusCode;
        }),
      );
      assert.deepEqual(new Set(statuses), new Set([401, 503]));
      const known = await responseTo(url, { auth: "b:c" });
      assert.equal(known.statusCode, 200);
      known.resume();
    }),
  );
});

test("A file of users that cannot be used is said in one line, and nothing is served", () =>
  withAuthFile("nonsense\n", async (authFile) => {
    const server = startMetricsServer({ host: "localhost", port: 0, authFile, scrape: textScrape("") });
    assert.deepEqual(await server.ready, {
      problem: `REDTRAIL_PROMETHEUS_AUTH_FILE="${authFile}" line 1 is not user:password; metrics are not served`,
    });
    await server.close();
  }));

test("Passwords without TLS are warned of, except on loopback", () =>
  withAuthFile("a:b\n", async (authFile) => {
    for (const host of ["127.0.0.1", "0.0.0.0"]) {
      const server = startMetricsServer({ host, port: 0, authFile, scrape: textScrape("") });
      const { url, problem } = await server.ready;
      assert.equal(
        problem,
        host === "127.0.0.1"
          ? undefined
          : `REDTRAIL_PROMETHEUS_AUTH_FILE="${authFile}" without REDTRAIL_PROMETHEUS_TLS_CERT_FILE: passwords go to ${url} unencrypted`,
      );
      await server.close();
    }
  }));

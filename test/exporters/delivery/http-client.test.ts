import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import diagnosticsChannel from "node:diagnostics_channel";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, after, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { isTracingSuppressed } from "@opentelemetry/core";
import { postAtExit } from "../../../src/exporters/delivery/exit-sender.ts";
import { createHttpClient } from "../../../src/exporters/delivery/http-client.ts";
import { type SendResult, resultOf } from "../../../src/exporters/delivery/send-result.ts";
import { type Destination, createTargets, loggableUrl } from "../../../src/exporters/delivery/target.ts";

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(handler: RequestListener): Promise<{ server: Server; url: string; port: number }> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `http://127.0.0.1:${port}/api/v2/spans` };
}

function senderFor(url: string, options: Partial<Destination> & { gzipThresholdBytes?: number } = {}) {
  const { gzipThresholdBytes, ...rest } = options;
  const destination = { urls: [url], timeoutMs: 5_000, ...rest };
  const targets = createTargets(destination, "application/json").map((target) => ({
    ...target,
    gzipThresholdBytes: gzipThresholdBytes ?? target.gzipThresholdBytes,
  }));
  const client = createHttpClient({ targets, timeoutMs: destination.timeoutMs });
  return async (body: string): Promise<SendResult> => resultOf(await client.post(Buffer.from(body)));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function resultFor(status: number, headers: Record<string, string> = {}, body = "") {
  const { url } = await listen((request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  return senderFor(url)("[]");
}

test("HttpClient posts the body with its length and content type", async () => {
  const seen = Promise.withResolvers<{ request: IncomingMessage; body: Buffer }>();
  const { url } = await listen(async (request, response) => {
    seen.resolve({ request, body: await bodyOf(request) });
    response.writeHead(202).end();
  });
  assert.deepEqual(await senderFor(url, { headers: { "x-tenant": "a" } })('["ü"]'), { kind: "ok" });
  const { request, body } = await seen.promise;
  assert.equal(request.method, "POST");
  assert.equal(request.url, "/api/v2/spans");
  assert.equal(body.toString(), '["ü"]');
  assert.equal(request.headers["content-length"], "6");
  assert.equal(request.headers["content-type"], "application/json");
  assert.equal(request.headers["content-encoding"], undefined);
  assert.equal(request.headers["x-tenant"], "a");
});

test("HttpClient compresses a body above the threshold, and nothing by default on its way over loopback", async () => {
  const bodies: { encoding: string | undefined; text: string }[] = [];
  const { url } = await listen(async (request, response) => {
    const body = await bodyOf(request);
    const encoding = request.headers["content-encoding"];
    bodies.push({ encoding, text: (encoding === "gzip" ? gunzipSync(body) : body).toString() });
    response.writeHead(202).end();
  });
  const send = senderFor(url, { gzipThresholdBytes: 1_024 });
  await send("a".repeat(1_024));
  await send("a".repeat(1_025));
  await senderFor(url)("b".repeat(100_000));
  assert.deepEqual(bodies, [
    { encoding: undefined, text: "a".repeat(1_024) },
    { encoding: "gzip", text: "a".repeat(1_025) },
    { encoding: undefined, text: "b".repeat(100_000) },
  ]);
});

test("HttpClient turns credentials in the URL into basic authentication", async () => {
  const seen = Promise.withResolvers<string | undefined>();
  const { port } = await listen((request, response) => {
    seen.resolve(request.headers.authorization);
    response.writeHead(202).end();
  });
  await senderFor(`http://us%40er:p%3Aw@127.0.0.1:${port}/`)("[]");
  assert.equal(await seen.promise, `Basic ${Buffer.from("us@er:p:w").toString("base64")}`);
});

test("loggableUrl leaves credentials and query out", () => {
  assert.equal(loggableUrl("http://user:secret@host:9411/api?key=secret"), "http://host:9411/api");
  assert.equal(loggableUrl("not a url"), "an invalid URL");
});

test("HttpClient does not follow a redirect, and keeps what it has until somebody has seen to it", async () => {
  assert.deepEqual(await resultFor(302, { location: "http://user:secret@127.0.0.1:1/" }), {
    kind: "retry",
    reason: "302",
    afterMs: 60_000,
    hint: "redirects are not followed; it points to http://REDACTED@127.0.0.1:1/",
  });
});

test("HttpClient keeps what a server refuses for its credentials, and has a 413 split", async () => {
  for (const status of [401, 403, 407]) {
    const expected = { kind: "retry", reason: String(status), afterMs: 60_000, hint: "check its credentials" };
    assert.deepEqual(await resultFor(status), expected);
  }
  assert.deepEqual(await resultFor(413), { kind: "split", reason: "413" });
});

test("HttpClient drops on 400 and says what the server said, on one line", async () => {
  const result = await resultFor(400, {}, "Expected a long\nbut was 1.5");
  assert.deepEqual(result, { kind: "drop", reason: "400", detail: "Expected a long but was 1.5" });
});

test("HttpClient retries on 408, 429 and 5xx", async () => {
  for (const status of [408, 429, 500, 503, 599]) {
    assert.deepEqual(await resultFor(status), { kind: "retry", reason: String(status) });
  }
});

test("HttpClient reads Retry-After as seconds and as a date", async () => {
  assert.deepEqual(await resultFor(503, { "retry-after": "7" }), { kind: "retry", reason: "503", afterMs: 7_000 });
  const dated = await resultFor(429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() });
  assert.ok(dated.kind === "retry" && dated.afterMs !== undefined);
  assert.ok(dated.afterMs > 20_000 && dated.afterMs <= 30_000, String(dated.afterMs));
  const past = await resultFor(503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" });
  assert.deepEqual(past, { kind: "retry", reason: "503", afterMs: 0 });
  assert.deepEqual(await resultFor(503, { "retry-after": "soon" }), { kind: "retry", reason: "503" });
});

test("HttpClient retries when the connection is refused", async () => {
  const { server, url } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await senderFor(url)("[]"), { kind: "retry", reason: "ECONNREFUSED" });
});

test("HttpClient gives up on a server that hangs, and closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  const { url } = await listen((request) => request.socket.on("close", () => closed.resolve()));
  assert.deepEqual(await senderFor(url, { timeoutMs: 50 })("[]"), { kind: "retry", reason: "timeout" });
  await closed.promise;
});

test("HttpClient believes the status of an answer whose body hangs or is cut", async () => {
  const hangs = await listen((_, response) => response.writeHead(202, { "content-length": "9" }).write("a"));
  assert.deepEqual(await senderFor(hangs.url, { timeoutMs: 50 })("[]"), { kind: "ok" });
  const cut = await listen((_, response) => {
    response.writeHead(503, { "content-length": "9" }).write("a", () => response.destroy());
  });
  assert.deepEqual(await senderFor(cut.url)("[]"), { kind: "retry", reason: "503" });
});

test("HttpClient does not read an endless answer to its end", { timeout: 20_000 }, async () => {
  const { url } = await listen((_, response) => {
    response.writeHead(202);
    const feed = (): void => {
      while (!response.destroyed && response.write("a".repeat(10_000)));
    };
    response.on("drain", feed);
    feed();
  });
  assert.deepEqual(await senderFor(url, { timeoutMs: 60_000 })("[]"), { kind: "ok" });
});

test("HttpClient uses one connection for all requests", async () => {
  const ports = new Set<number | undefined>();
  const { url } = await listen((request, response) => {
    ports.add(request.socket.remotePort);
    request.resume();
    response.writeHead(202).end("ok");
  });
  const send = senderFor(url);
  await Promise.all([send("[1]"), send("[2]")]);
  await send("[3]");
  assert.equal(ports.size, 1);
});

test("HttpClient repeats a request at once that met a connection which the server had closed", async () => {
  let requests = 0;
  const { url } = await listen((request, response) => {
    request.resume();
    requests++;
    if (requests === 2) request.socket.resetAndDestroy();
    else response.writeHead(202).end();
  });
  const send = senderFor(url);
  assert.deepEqual(await send("[1]"), { kind: "ok" });
  assert.deepEqual(await send("[2]"), { kind: "ok" });
  assert.equal(requests, 3);
});

test("HttpClient does not repeat a request that was reset on a new connection", async () => {
  let requests = 0;
  const { url } = await listen((request) => {
    requests++;
    request.socket.resetAndDestroy();
  });
  assert.deepEqual(await senderFor(url)("[]"), { kind: "retry", reason: "ECONNRESET" });
  assert.equal(requests, 1);
});

test("HttpClient drops when the request itself is impossible", async () => {
  assert.deepEqual(await senderFor("ftp://host/")("[]"), { kind: "drop", reason: "invalid URL" });
  assert.deepEqual(await senderFor("nonsense")("[]"), { kind: "drop", reason: "invalid URL" });
  const { url } = await listen(() => {});
  const result = await senderFor(url, { headers: { "x-bad": "a\nb" } })("[]");
  assert.deepEqual(result, { kind: "drop", reason: "ERR_INVALID_CHAR" });
});

test("HttpClient suppresses tracing and keeps out of the request that it was called in", async () => {
  const { url } = await listen((request, response) => {
    request.resume();
    response.writeHead(202).end();
  });
  const send = senderFor(url);
  const requestStore = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const onRequest = (): void => void seen.push(isTracingSuppressed(context.active()), requestStore.getStore());
  diagnosticsChannel.subscribe("http.client.request.start", onRequest);
  await requestStore.run("a request of the app", () => send("[]"));
  diagnosticsChannel.unsubscribe("http.client.request.start", onRequest);
  assert.deepEqual(seen, [true, undefined]);
});

test("HttpClient does not keep the process alive", async () => {
  const { url } = await listen(() => {});
  const from = (file: string): string => JSON.stringify(import.meta.resolve(`../../../src/exporters/delivery/${file}`));
  const code = `import { createHttpClient } from ${from("http-client.ts")};
    import { createTargets } from ${from("target.ts")};
    const destination = { urls: [${JSON.stringify(url)}], timeoutMs: 60_000 };
    createHttpClient({ targets: createTargets(destination, "a/b"), timeoutMs: 60_000 }).post(Buffer.from("[]"));`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { timeout: 20_000 });
});

function atExit(url: string | readonly string[], bodies: readonly string[], timeoutMs: number) {
  const targets = createTargets({ urls: [url].flat(), timeoutMs: 1_000 }, "application/json");
  return postAtExit(
    targets,
    bodies.map((body) => Buffer.from(body)),
    { timeoutMs, maxAnswerBytes: 1_000 },
  );
}

/** In a process of its own: this one blocks while the other thread posts, and could not answer. */
const ANSWERING_SERVER = `
  const bodies = [];
  const server = require("node:http").createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk)).on("end", () => {
      bodies.push(body);
      response.writeHead(body === "busy" ? 503 : 202).end(bodies.join());
    });
  });
  server.listen(0, "127.0.0.1", () => process.send(server.address().port));`;

async function answeringServer(t: TestContext): Promise<string> {
  const child = spawn(process.execPath, ["-e", ANSWERING_SERVER], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  t.after(() => child.kill());
  const [port] = (await once(child, "message")) as [number];
  return `http://127.0.0.1:${port}/`;
}

test("postAtExit gives each answer, and stops at a server that is busy", async (t) => {
  const url = await answeringServer(t);
  const replies = atExit(url, ["a", "b", "busy", "c"], 5_000);
  assert.deepEqual(
    replies.map((reply) => ("text" in reply ? [reply.status, reply.text, reply.complete] : reply)),
    [
      [202, "a", true],
      [202, "a,b", true],
      [503, "a,b,busy", true],
    ],
  );
});

test("postAtExit goes on to the next server when one refuses", async (t) => {
  const { server, url } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  const replies = atExit([url, await answeringServer(t)], ["a", "b"], 5_000);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [202, 202],
  );
});

test("postAtExit reports a server that refuses, one that is silent, and none at all", async () => {
  const { server, url } = await listen(() => {});
  assert.deepEqual(atExit(url, ["[]"], 200), [{ status: 0, failure: "timeout", hopeless: false }]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(atExit(url, ["[]"], 5_000), [{ status: 0, failure: "ECONNREFUSED", hopeless: false }]);
  assert.deepEqual(atExit("ftp://a", ["[]"], 5_000), []);
});

test("HttpClient tries the next server when one is in trouble, and leaves that one alone for a while", async () => {
  const hits = { bad: 0, good: 0 };
  const bad = await listen((request, response) => {
    hits.bad++;
    request.resume();
    response.writeHead(503).end();
  });
  const good = await listen((request, response) => {
    hits.good++;
    request.resume();
    response.writeHead(202).end();
  });
  const send = senderFor(bad.url, { urls: [bad.url, good.url] });
  for (let i = 0; i < 6; i++) assert.deepEqual(await send("[]"), { kind: "ok" });
  assert.deepEqual(hits, { bad: 1, good: 6 });
});

test("HttpClient takes turns among servers that work, and does not ask another one about a refusal", async () => {
  const hits = [0, 0];
  const urls = await Promise.all(
    hits.map(async (_, index) => {
      const { url } = await listen((request, response) => {
        hits[index] = (hits[index] ?? 0) + 1;
        request.resume();
        response.writeHead(400).end();
      });
      return url;
    }),
  );
  const send = senderFor("", { urls });
  for (let i = 0; i < 6; i++) assert.deepEqual(await send("[]"), { kind: "drop", reason: "400" });
  assert.deepEqual(hits, [3, 3]);
});

test("HttpClient goes through a proxy, but not to what is on this machine", async () => {
  const seen: string[] = [];
  const proxy = await listen((request, response) => {
    seen.push(String(request.url));
    request.resume();
    response.writeHead(202).end();
  });
  const variables = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: "internal.test" };
  assert.deepEqual(await senderFor("http://zipkin.test/spans", { proxy: variables })("[]"), { kind: "ok" });
  assert.deepEqual(seen, ["http://zipkin.test/spans"]);
  const direct = await senderFor("http://internal.test/spans", { proxy: variables })("[]");
  assert.equal(direct.kind, "retry");
  const { url } = await listen((request, response) => {
    request.resume();
    response.writeHead(200).end();
  });
  assert.deepEqual(await senderFor(url, { proxy: variables })("[]"), { kind: "ok" });
  assert.equal(seen.length, 1);
});

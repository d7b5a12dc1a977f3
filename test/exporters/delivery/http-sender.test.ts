import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { execFile } from "node:child_process";
import diagnosticsChannel from "node:diagnostics_channel";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { isTracingSuppressed } from "@opentelemetry/core";
import {
  createHttpSender,
  loggableUrl,
  sendAtExit,
  type HttpSenderOptions,
} from "../../../src/exporters/delivery/http-sender.ts";

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

function senderFor(url: string, options: Partial<HttpSenderOptions> = {}) {
  return createHttpSender({ url, contentType: "application/json", timeoutMs: 5_000, ...options });
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

test("HttpSender posts the body with its length and content type", async () => {
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

test("HttpSender compresses a body above the threshold, and nothing by default on its way over loopback", async () => {
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

test("HttpSender turns credentials in the URL into basic authentication", async () => {
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

test("HttpSender drops on a redirect and does not follow it", async () => {
  assert.deepEqual(await resultFor(302, { location: "http://127.0.0.1:1/" }), { kind: "drop", reason: "302" });
});

test("HttpSender drops on 400 and says what the server said, on one line", async () => {
  const result = await resultFor(400, {}, "Expected a long\nbut was 1.5");
  assert.deepEqual(result, { kind: "drop", reason: "400", detail: "Expected a long but was 1.5" });
});

test("HttpSender retries on 408, 429 and 5xx", async () => {
  for (const status of [408, 429, 500, 503, 599]) {
    assert.deepEqual(await resultFor(status), { kind: "retry", reason: String(status) });
  }
});

test("HttpSender reads Retry-After as seconds and as a date", async () => {
  assert.deepEqual(await resultFor(503, { "retry-after": "7" }), { kind: "retry", reason: "503", afterMs: 7_000 });
  const dated = await resultFor(429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() });
  assert.ok(dated.kind === "retry" && dated.afterMs !== undefined);
  assert.ok(dated.afterMs > 20_000 && dated.afterMs <= 30_000, String(dated.afterMs));
  const past = await resultFor(503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" });
  assert.deepEqual(past, { kind: "retry", reason: "503", afterMs: 0 });
  assert.deepEqual(await resultFor(503, { "retry-after": "soon" }), { kind: "retry", reason: "503" });
});

test("HttpSender retries when the connection is refused", async () => {
  const { server, url } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await senderFor(url)("[]"), { kind: "retry", reason: "ECONNREFUSED" });
});

test("HttpSender gives up on a server that hangs, and closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  const { url } = await listen((request) => request.socket.on("close", () => closed.resolve()));
  assert.deepEqual(await senderFor(url, { timeoutMs: 50 })("[]"), { kind: "retry", reason: "timeout" });
  await closed.promise;
});

test("HttpSender believes the status of an answer whose body hangs or is cut", async () => {
  const hangs = await listen((_, response) => response.writeHead(202, { "content-length": "9" }).write("a"));
  assert.deepEqual(await senderFor(hangs.url, { timeoutMs: 50 })("[]"), { kind: "ok" });
  const cut = await listen((_, response) => {
    response.writeHead(503, { "content-length": "9" }).write("a", () => response.destroy());
  });
  assert.deepEqual(await senderFor(cut.url)("[]"), { kind: "retry", reason: "503" });
});

test("HttpSender does not read an endless answer to its end", { timeout: 20_000 }, async () => {
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

test("HttpSender uses one connection for all requests", async () => {
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

test("HttpSender repeats a request at once that met a connection which the server had closed", async () => {
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

test("HttpSender does not repeat a request that was reset on a new connection", async () => {
  let requests = 0;
  const { url } = await listen((request) => {
    requests++;
    request.socket.resetAndDestroy();
  });
  assert.deepEqual(await senderFor(url)("[]"), { kind: "retry", reason: "ECONNRESET" });
  assert.equal(requests, 1);
});

test("HttpSender drops when the request itself is impossible", async () => {
  assert.deepEqual(await senderFor("ftp://host/")("[]"), { kind: "drop", reason: "invalid URL" });
  assert.deepEqual(await senderFor("nonsense")("[]"), { kind: "drop", reason: "invalid URL" });
  const { url } = await listen(() => {});
  const result = await senderFor(url, { headers: { "x-bad": "a\nb" } })("[]");
  assert.deepEqual(result, { kind: "drop", reason: "ERR_INVALID_CHAR" });
});

test("HttpSender suppresses tracing and keeps out of the request that it was called in", async () => {
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

test("HttpSender does not keep the process alive", async () => {
  const { url } = await listen(() => {});
  const module = import.meta.resolve("../../../src/exporters/delivery/http-sender.ts");
  const code = `import { createHttpSender } from ${JSON.stringify(module)};
    createHttpSender({ url: ${JSON.stringify(url)}, contentType: "a/b", timeoutMs: 60_000 })("[]");`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { timeout: 20_000 });
});

test("sendAtExit reports an URL that it cannot use and a server that refuses", async () => {
  const options = { contentType: "application/json", timeoutMs: 1_000 };
  assert.deepEqual(sendAtExit({ ...options, url: "ftp://a" }, ["[]"], 100), { delivered: 0, failure: "invalid URL" });
  const { server, url } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(sendAtExit({ ...options, url }, ["[]"], 5_000), { delivered: 0, failure: "no connection" });
});

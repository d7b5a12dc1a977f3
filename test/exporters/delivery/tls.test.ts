import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type Server, createServer as createHttpServer } from "node:http";
import { type ServerOptions, createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, after, mock, test } from "node:test";
import { log } from "../../../src/diagnostics/log.ts";
import { createHttpClient } from "../../../src/exporters/delivery/http-client.ts";
import { type SendResult, resultOf } from "../../../src/exporters/delivery/send-result.ts";
import { type Destination, createTargets } from "../../../src/exporters/delivery/target.ts";

const folder = mkdtempSync(join(tmpdir(), "redtrail-delivery-tls-"));
after(() => rmSync(folder, { recursive: true }));

// Two self-signed certificates, each its own authority.
for (const name of ["server", "client"]) {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:zipkin.test"],
      ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.pem`)],
    ],
    { stdio: "ignore" },
  );
}
const read = (name: string): Buffer => readFileSync(join(folder, name));

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function startTls(t: TestContext, options: ServerOptions = {}, delayMs = 0): Promise<number> {
  const server = createServer(
    { key: read("server.key"), cert: read("server.pem"), ...options },
    (request, response) => {
      request.resume();
      request.on("end", () => setTimeout(() => response.writeHead(202).end(), delayMs));
    },
  );
  return listen(t, server);
}

async function send(url: string, options: Partial<Destination>): Promise<SendResult> {
  const targets = createTargets({ urls: [url], timeoutMs: 5_000, ...options }, "application/json");
  return resultOf(await createHttpClient({ targets, timeoutMs: 5_000 }).post(Buffer.from("[]")));
}

test("a server is trusted by the CA file, and without it not at all", async (t) => {
  const url = `https://127.0.0.1:${await startTls(t)}/`;
  assert.deepEqual(await send(url, { tls: { caFile: join(folder, "server.pem") } }), { kind: "ok" });
  assert.deepEqual(await send(url, {}), { kind: "retry", reason: "DEPTH_ZERO_SELF_SIGNED_CERT" });
});

test("a server that asks for a certificate gets ours", async (t) => {
  const port = await startTls(t, { ca: read("client.pem"), requestCert: true, rejectUnauthorized: true });
  const caFile = join(folder, "server.pem");
  const own = { caFile, certFile: join(folder, "client.pem"), keyFile: join(folder, "client.key") };
  assert.deepEqual(await send(`https://127.0.0.1:${port}/`, { tls: own }), { kind: "ok" });
  assert.equal((await send(`https://127.0.0.1:${port}/`, { tls: { caFile } })).kind, "retry");
});

test("a file that cannot be read is said in one line, and the others are used", async (t) => {
  const error = mock.method(log, "error", () => {});
  const url = `https://127.0.0.1:${await startTls(t)}/`;
  const files = { caFile: join(folder, "server.pem"), certFile: join(folder, "none.pem") };
  assert.deepEqual(await send(url, { tls: files }), { kind: "ok" });
  assert.deepEqual(
    error.mock.calls.map((call) => call.arguments[0]),
    [`the cert file "${join(folder, "none.pem")}" cannot be read (ENOENT); going on without it`],
  );
  mock.restoreAll();
});

test("an https server is reached through a tunnel of the proxy, with its own certificate, and may take its time", async (t) => {
  // Longer than a connection may take.
  const port = await startTls(t, {}, 3_500);
  const asked: (string | undefined)[] = [];
  const proxy = createHttpServer().on("connect", (request, socket) => {
    asked.push(request.url);
    const tunnel = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      tunnel.pipe(socket).pipe(tunnel);
    });
    for (const end of [socket, tunnel]) end.on("error", () => {});
  });
  const variables = { HTTPS_PROXY: `http://127.0.0.1:${await listen(t, proxy)}` };
  const tls = { caFile: join(folder, "server.pem") };
  assert.deepEqual(await send("https://zipkin.test/api/v2/spans", { tls, proxy: variables }), { kind: "ok" });
  assert.deepEqual(asked, ["zipkin.test:443"]);
});

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, get } from "node:https";
import { connect as connectPlainly } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, beforeEach } from "node:test";
import type { TLSSocket } from "node:tls";
import { type MetricsServerOptions, OWN_SERVER, startMetricsServer } from "../../../src/exporters/prometheus/server.ts";
import { loadTls } from "../../../src/exporters/prometheus/tls.ts";

const folder = mkdtempSync(join(tmpdir(), "redtrail-tls-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

// Two self-signed certificates, each its own authority.
for (const name of ["first", "second"]) {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", path(`${name}.key`), "-out", path(`${name}.cert`)],
    ],
    { stdio: "ignore" },
  );
}
const read = (name: string): Buffer => readFileSync(path(name));
const files = { certFile: path("cert.pem"), keyFile: path("key.pem") };
const withClients = { ...files, clientCaFile: path("ca.pem") };

function use(name: "first" | "second"): void {
  copyFileSync(path(`${name}.cert`), files.certFile);
  copyFileSync(path(`${name}.key`), files.keyFile);
}
beforeEach(() => {
  use("first");
  copyFileSync(path("second.cert"), withClients.clientCaFile);
});

const scrape: NonNullable<MetricsServerOptions["scrape"]> = async () => ({
  chunks: [Buffer.from("a 1\n")],
  byteLength: 4,
  release() {},
});

async function withServer(options: Partial<MetricsServerOptions>, run: (url: string) => Promise<void>): Promise<void> {
  const server = startMetricsServer({ host: "localhost", port: 0, tls: files, scrape, ...options });
  const { url, problem } = await server.ready;
  assert.ok(url, problem);
  try {
    await run(url);
  } finally {
    await server.close();
  }
}

/** Status, body, and whose certificate the server showed, on a connection of its own. */
async function call(url: string, options: RequestOptions = {}): Promise<{ status?: number; body: string; cn: string }> {
  const agent = new Agent({ maxCachedSessions: 0 });
  const sent = get(url, { agent, ca: [read("first.cert"), read("second.cert")], ...options });
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const cn = String((response.socket as TLSSocket).getPeerCertificate().subject.CN);
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { ...(response.statusCode !== undefined && { status: response.statusCode }), body, cn };
}

test("Metrics are served over HTTPS, and the address says so", () =>
  withServer({}, async (url) => {
    assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/metrics$/);
    assert.deepEqual(await call(url), { status: 200, body: "a 1\n", cn: "first" });
    await assert.rejects(fetch(url.replace("https:", "http:")));
    // Still there after what was no TLS.
    assert.equal((await call(url)).status, 200);
  }));

test("The HTTPS server is marked as redtrail's own", async () => {
  const channel = "http.server.request.start";
  let mark: unknown;
  const look = (message: unknown): void => {
    mark = (message as { server: Record<symbol, unknown> }).server[OWN_SERVER];
  };
  subscribe(channel, look);
  await withServer({}, async (url) => void (await call(url)));
  unsubscribe(channel, look);
  assert.equal(mark, true);
});

test("With authorities for clients, only who shows a certificate of theirs is served", () =>
  withServer({ tls: withClients }, async (url) => {
    const client = (name: string): RequestOptions => ({ cert: read(`${name}.cert`), key: read(`${name}.key`) });
    assert.equal((await call(url, client("second"))).status, 200);
    await assert.rejects(call(url, client("first")));
    await assert.rejects(call(url));
  }));

test("Passwords work over HTTPS, without a warning on any address", async () => {
  const authFile = path("users");
  writeFileSync(authFile, "a:b\n");
  const server = startMetricsServer({ host: "0.0.0.0", port: 0, tls: files, authFile, scrape });
  const { url, problem } = await server.ready;
  assert.equal(problem, undefined);
  const local = String(url).replace("0.0.0.0", "127.0.0.1");
  assert.equal((await call(local)).status, 401);
  assert.equal((await call(local, { auth: "a:b" })).status, 200);
  await server.close();
});

test("A changed certificate is used within a minute, and a broken one is not", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  await withServer({}, async (url) => {
    assert.equal((await call(url)).cn, "first");
    use("second");
    t.mock.timers.tick(59_999);
    assert.equal((await call(url)).cn, "first");
    t.mock.timers.tick(1);
    // The files are read while connections come in; each try is a handshake.
    let cn = "first";
    for (let i = 0; i < 200 && cn !== "second"; i++) ({ cn } = await call(url));
    assert.equal(cn, "second");
    writeFileSync(files.certFile, "broken");
    t.mock.timers.tick(60_000);
    for (let i = 0; i < 5; i++) assert.equal((await call(url)).cn, "second");
  });
});

test("loadTls.reload gives what changed once, keeps silent about what did not, and never rejects", async () => {
  const certificates = loadTls(withClients);
  assert.equal(await certificates.reload(), undefined);
  use("second");
  const changed = await certificates.reload();
  assert.deepEqual(changed, { cert: read("second.cert"), key: read("second.key"), ca: read("second.cert") });
  assert.equal(await certificates.reload(), undefined);

  copyFileSync(path("first.cert"), files.certFile);
  assert.equal(await certificates.reload(), undefined, "a certificate without its key");
  copyFileSync(path("first.key"), files.keyFile);
  assert.deepEqual((await certificates.reload())?.cert, read("first.cert"));
  rmSync(withClients.clientCaFile);
  assert.equal(await certificates.reload(), undefined, "no file");
  copyFileSync(path("first.cert"), withClients.clientCaFile);
  assert.deepEqual((await certificates.reload())?.ca, read("first.cert"));
});

test("loadTls.reload warns once for each change for the worse", async () => {
  const module = new URL("../../../src/exporters/prometheus/tls.ts", import.meta.url);
  const app = `import { loadTls } from ${JSON.stringify(module)};
    import { writeFileSync } from "node:fs";
    const { reload } = loadTls(${JSON.stringify(files)});
    writeFileSync(${JSON.stringify(files.certFile)}, "broken");
    await reload();
    await reload();`;
  const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "--eval", app]);
  let said = "";
  for await (const chunk of child.stderr) said += String(chunk);
  assert.equal(
    said,
    `redtrail: ${CERT} is no certificate (ERR_OSSL_PEM_NO_START_LINE); the TLS certificate from before stays in use\n`,
  );
});

const CERT = `REDTRAIL_PROMETHEUS_TLS_CERT_FILE="${files.certFile}"`;
const KEY = `REDTRAIL_PROMETHEUS_TLS_KEY_FILE="${files.keyFile}"`;
const CA = `REDTRAIL_PROMETHEUS_TLS_CLIENT_CA_FILE="${withClients.clientCaFile}"`;
for (const [name, spoil, problem] of [
  ["no certificate file", () => rmSync(files.certFile), `${CERT} cannot be read (ENOENT)`],
  ["no key file", () => rmSync(files.keyFile), `${KEY} cannot be read (ENOENT)`],
  ["no file of authorities", () => rmSync(withClients.clientCaFile), `${CA} cannot be read (ENOENT)`],
  [
    "a certificate that is none",
    () => writeFileSync(files.certFile, "junk"),
    `${CERT} is no certificate (ERR_OSSL_PEM_NO_START_LINE)`,
  ],
  [
    "an empty certificate",
    () => writeFileSync(files.certFile, ""),
    `${CERT} is no certificate (ERR_OSSL_PEM_NO_START_LINE)`,
  ],
  [
    "a key of another certificate",
    () => copyFileSync(path("second.key"), files.keyFile),
    `${KEY} is no key of that certificate (ERR_OSSL_X509_KEY_VALUES_MISMATCH)`,
  ],
  [
    "an empty key",
    () => writeFileSync(files.keyFile, ""),
    `${KEY} is no key of that certificate (ERR_OSSL_UNSUPPORTED)`,
  ],
  [
    "authorities that are none",
    () => writeFileSync(withClients.clientCaFile, "junk"),
    `${CA} is no certificate (ERR_OSSL_PEM_NO_START_LINE)`,
  ],
  [
    "an empty file of authorities",
    () => writeFileSync(withClients.clientCaFile, ""),
    `${CA} is no certificate (ERR_OSSL_PEM_NO_START_LINE)`,
  ],
] as const) {
  test(`With ${name}, nothing is served, and one line says why`, async () => {
    spoil();
    const server = startMetricsServer({ host: "localhost", port: 0, tls: withClients, scrape });
    assert.deepEqual(await server.ready, { problem: `${problem}; metrics are not served` });
    await server.close();
  });
}

test("loadTls takes several authorities, and none of them may be broken", () => {
  const both = `${String(read("first.cert"))}# another\n${String(read("second.cert"))}`;
  writeFileSync(withClients.clientCaFile, both);
  loadTls(withClients);
  writeFileSync(withClients.clientCaFile, both.replace(/.{8}\n-----END(?![^]*-----END)/, "\n-----END"));
  assert.throws(() => loadTls(withClients), /CLIENT_CA_FILE="[^"]*" is no certificate/);
});

test("A server closes at once although a connection has not finished its handshake", async () => {
  const server = startMetricsServer({ host: "localhost", port: 0, tls: files, scrape });
  const { url } = await server.ready;
  const socket = connectPlainly(Number(new URL(String(url)).port), "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  // Served after it, so that the server has seen the first.
  await call(String(url));
  const gone = once(socket, "close");
  await server.close();
  await gone;
});

test("A process ends although its HTTPS server listens and a scraper keeps its connection", async () => {
  const module = new URL("../../../src/exporters/prometheus/server.ts", import.meta.url);
  const app = `import { startMetricsServer } from ${JSON.stringify(module)};
    const tls = ${JSON.stringify(files)};
    const scrape = async () => ({ chunks: [], byteLength: 0, release() {} });
    console.log((await startMetricsServer({ host: "localhost", port: 0, tls, scrape }).ready).url);
    process.stdin.once("data", () => process.stdin.destroy());`;
  const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "--eval", app], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const [url] = (await once(child.stdout, "data")) as [Buffer];
  const agent = new Agent({ keepAlive: true });
  assert.equal((await call(String(url).trim(), { agent })).status, 200);
  child.stdin.write("end\n");
  assert.deepEqual(await exit, [0, null]);
  agent.destroy();
});

// HTTP/1 as it is not in the textbook: what docs/propagation.md says holds for it too.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { FIXTURES, type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

interface Seen {
  readonly headers: Record<string, string>;
  readonly distinct: Record<string, string[]>;
  readonly raw: string[];
  readonly subject?: { readonly CN: string };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function start(argument: string): Promise<{ app: RunningApp; zipkin: TestZipkin; stop(): Promise<void> }> {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: [join(FIXTURES, "http-odd-app.cjs"), argument],
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint },
  });
  const stop = async (): Promise<void> => {
    await app.stop("SIGKILL");
    await zipkin.close();
  };
  return { app, zipkin, stop };
}

/** Sends bytes as they are and resolves with all that comes back until the server closes. */
async function raw(app: RunningApp, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(bytes);
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
  await once(socket, "close");
  return answer;
}

const request = (path: string, headers: readonly string[], { last = true } = {}): string =>
  [`GET ${path} HTTP/1.1`, "Host: x", ...headers, ...(last ? ["Connection: close"] : []), "", ""].join("\r\n");

/** What the app told of the last request of the answer. */
function seenIn(answer: string): Seen {
  return JSON.parse(answer.slice(answer.lastIndexOf("\r\n\r\n") + 4)) as Seen;
}

for (const joins of ["", "join"]) {
  describe(`a server ${joins === "" ? "as it is by default" : "with joinDuplicateHeaders"}`, () => {
    let started: Awaited<ReturnType<typeof start>>;
    before(async () => (started = await start(joins)));
    after(() => started.stop());

    for (const [what, headers, expected] of [
      ["the first of two ids", ["X-Request-ID: one", "X-Request-ID: two"], "one"],
      ["the valid one of two ids", ["X-Request-ID: <bad>", "x-request-id: two"], "two"],
      ["the first of a list in one header", ["X-Request-ID: one, two"], "one"],
      ["an id of 128 characters", [`X-Request-ID: ${"a".repeat(128)}`], "a".repeat(128)],
      ["a new one for one of 129", [`X-Request-ID: ${"a".repeat(129)}`], undefined],
      ["the first valid one of a list of 6,000", [`X-Request-ID: ${"a,".repeat(6_000)}<`], "a"],
      ["a new one for an empty one", ["X-Request-ID:"], undefined],
      [
        "the second header's when the first has none that is valid",
        ["X-Request-ID: ,", "X-Correlation-ID: two"],
        "two",
      ],
    ] as const) {
      test(`The request id is ${what}, in the app's headers, the response and the span`, async () => {
        const { app, zipkin } = started;
        const answer = await raw(app, request("/", headers));
        const id = seenIn(answer).headers["x-request-id"] as string;
        if (expected === undefined) assert.match(id, UUID);
        else assert.equal(id, expected);
        assert.equal(answer.split(`X-Request-ID: ${id}\r\n`).length, 2);
        await zipkin.waitFor((spans) => spans.some(({ tags }) => tags["http.request.id"] === id));
      });
    }

    test("rawHeaders and headersDistinct are left as the client has sent them", async () => {
      const { distinct, raw: sent } = seenIn(
        await raw(started.app, request("/", ["X-Request-ID: <bad>", "X-Request-ID: two"])),
      );
      assert.deepEqual(distinct["x-request-id"], ["<bad>", "two"]);
      assert.deepEqual(sent.slice(2, 6), ["X-Request-ID", "<bad>", "X-Request-ID", "two"]);
    });
  });
}

describe("a connection", () => {
  let app: RunningApp;
  let zipkin: TestZipkin;
  let stop: () => Promise<void>;
  before(async () => ({ app, zipkin, stop } = await start("")));
  after(() => stop());

  test("Requests that follow each other on it have their own ids and spans", async () => {
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1").setEncoding("latin1");
    for (const id of ["alive-1", "alive-2", ""]) {
      socket.write(request("/", id === "" ? [] : [`X-Request-ID: ${id}`], { last: false }));
      const [answer] = (await once(socket, "data")) as [string];
      const seen = /X-Request-ID: (\S+)/.exec(answer)?.[1] as string;
      if (id === "") assert.match(seen, UUID);
      else assert.equal(seen, id);
      await zipkin.waitFor((spans) => spans.filter(({ tags }) => tags["http.request.id"] === seen).length === 1);
    }
    socket.destroy();
  });

  for (const [what, bytes, code] of [
    ["that cannot be parsed", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"],
    ["whose headers are too large", request("/", [`X-Much: ${"a".repeat(70_000)}`]), "HPE_HEADER_OVERFLOW"],
  ] as const) {
    test(`A request ${what} is the app's to answer, and leaves no span; those before it do`, async () => {
      const id = `before-${code}`;
      const counted = sumOf(await app.scrape(), "http_server_request_duration_seconds_count");
      const answer = await raw(app, request("/", [`X-Request-ID: ${id}`], { last: false }) + bytes);
      assert.match(answer, new RegExp(`^HTTP/1.1 200[^]*HTTP/1.1 400 Bad Request\r\n\r\n${code}$`));
      await zipkin.waitFor((spans) => spans.some(({ tags }) => tags["http.request.id"] === id));
      assert.equal(sumOf(await app.scrape(), "http_server_request_duration_seconds_count"), counted + 1);
      assert.equal(sumOf(await app.scrape(), "http_server_active_requests"), 0);
    });
  }

  for (const [path, expect, status] of [
    ["/", "100-continue", "200"],
    ["/refused", "100-continue", "417"],
    ["/", "other", "417"],
  ] as const) {
    test(`Expect: ${expect} that the app looks at itself (${path}) is one span with its answer`, async () => {
      const id = `expect-${status}-${expect}`;
      const headers = [`X-Request-ID: ${id}`, `Expect: ${expect}`, "Content-Length: 2"];
      const answer = await raw(app, `${request(path, headers)}ab`);
      assert.equal(answer.startsWith("HTTP/1.1 100 "), status === "200");
      assert.match(answer, new RegExp(`X-Request-ID: ${id}`));
      const spans = await zipkin.waitFor((all) => all.some(({ tags }) => tags["http.request.id"] === id));
      const own = spans.filter(({ tags }) => tags["http.request.id"] === id);
      assert.deepEqual(
        own.map(({ tags }) => tags["http.response.status_code"]),
        [status],
      );
      if (status === "200") assert.equal(seenIn(answer).headers["x-request-id"], id);
    });
  }
});

test("A server that asks for client certificates sees them, and its requests are traced", async () => {
  const { app, zipkin, stop } = await start("tls");
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(FIXTURES, "tls", name))) as [
    Buffer,
    Buffer,
  ];
  const options = { ca: cert, key, cert, headers: { "x-request-id": "id-1" }, agent: false };
  const [response] = (await once(get(app.url, options), "response")) as [IncomingMessage];
  const seen = JSON.parse(await text(response)) as Seen;
  assert.ok(seen.subject?.CN);
  assert.equal(response.headers["x-request-id"], "id-1");
  const [span] = await zipkin.waitFor((spans) => spans.length === 1);
  assert.equal(span?.tags["url.scheme"], "https");
  // Who shows none is turned away before there is a request.
  await assert.rejects(once(get(app.url, { ca: cert, agent: false }), "response"));
  assert.equal(sumOf(await app.scrape(), "http_server_request_duration_seconds_count"), 1);
  await stop();
});

// node:http2, through the real preload, into a collector: what a request leaves behind, on both engines.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type IncomingHttpHeaders } from "node:http";
import { type ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type AskOptions, type Http2Client, openHttp2 } from "../support/http2.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const COUNT = "http_server_request_duration_seconds_count";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
/** Lists of headers came to node:http2 with Node 24. */
const TAKES_LISTS = !/\/2[23]\./.test(process.env["REDTRAIL_TEST_NODE"] ?? "");

for (const engine of ["native", "node-sdk"] as const) {
  describe(`engine ${engine}`, () => {
    let zipkin: TestZipkin;
    let app: RunningApp;
    let client: Http2Client;
    let nextId = 0;

    before(async () => {
      zipkin = await startZipkin();
      app = await runApp({
        app: "http2-app.mjs",
        env: {
          REDTRAIL_ENGINE: engine,
          OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
          REDTRAIL_SERVER_TIMING: "true",
          REDTRAIL_RESPONSE_TIME: "true",
          OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS: "x-asked",
          OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS: "content-type",
          OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS: "x-request-id",
        },
      });
      client = await openHttp2(app.url);
    });
    after(async () => {
      client.close();
      await app.stop("SIGKILL");
      await zipkin.close();
    });

    async function call(
      path: string,
      spanCount: number,
      { headers, ...options }: AskOptions = {},
    ): Promise<{ headers: IncomingHttpHeaders; body: string; spans: ZipkinSpan[]; id: string }> {
      const id = `h2-${engine}-${nextId++}`;
      const answer = await client.ask(path, { headers: { "x-request-id": id, ...headers }, ...options });
      return { ...answer, id, spans: await spansOf(id, spanCount) };
    }

    async function spansOf(id: string, count: number): Promise<ZipkinSpan[]> {
      const ofRequest = (spans: readonly ZipkinSpan[]): ZipkinSpan[] =>
        spans.filter(({ tags }) => tags["http.request.id"] === id);
      return ofRequest(await zipkin.waitFor((spans) => ofRequest(spans).length >= count));
    }

    function spanOf(spans: readonly ZipkinSpan[], kind: string, path?: string): ZipkinSpan {
      const found = spans.find((span) => span.kind === kind && (path === undefined || span.tags["url.path"] === path));
      assert.ok(found, `no ${kind} span`);
      return found;
    }

    for (const [path, status] of [
      ["/ok", "200"],
      ["/core/ok", "201"],
    ] as const) {
      test(`A request to ${path} makes one SERVER span with the stable conventions' attributes, and echoes its id`, async () => {
        const { headers, body, spans, id } = await call(path === "/ok" ? "/ok?page=2&token=s3cr3t" : path, 1, {
          headers: { "user-agent": "test/2", "x-asked": "yes" },
        });
        assert.equal(body, "ok");
        assert.equal(headers["x-request-id"], id);
        const [{ kind, name, tags, traceId, id: spanId }] = spans as [ZipkinSpan];
        assert.equal(kind, "SERVER");
        assert.equal(name.toUpperCase(), "GET");
        assert.equal(headers["server-timing"], `trace;desc=00-${traceId}-${spanId}-01`);
        assert.match(String(headers["x-response-time"]), /^\d+\.\d{3}ms$/);
        const expected: Record<string, string> = {
          "http.request.method": "GET",
          "url.path": path,
          "url.scheme": "http",
          "http.response.status_code": status,
          "server.address": "127.0.0.1",
          "server.port": new URL(app.url).port,
          "client.address": "127.0.0.1",
          "network.protocol.version": "2",
          "user_agent.original": "test/2",
          ...(path === "/ok" ? { "url.query": "page=2&token=REDACTED" } : {}),
        };
        for (const [key, value] of Object.entries(expected)) assert.equal(tags[key], value, key);
        assert.match(String(tags["http.request.header.x-asked"]), /yes/);
        if (path === "/core/ok") assert.match(String(tags["http.response.header.content-type"]), /text\/plain/);
      });
    }

    test("Requests are counted once, with the version of the protocol", async () => {
      const labels = { network_protocol_version: "2", http_response_status_code: "503" };
      const counted = sumOf(await app.scrape(), COUNT, labels);
      const { spans } = await call("/error", 1);
      assert.equal(spans[0]?.tags["error.type"], "503");
      assert.equal(spans[0]?.tags["otel.status_code"], "ERROR");
      assert.equal(sumOf(await app.scrape(), COUNT, labels), counted + 1);
    });

    for (const path of ["/seen-id", "/core/seen-id"]) {
      test(`${path}: an id is made where there is none, and an invalid one replaced, in what the app sees and in the response`, async () => {
        const asked: readonly Record<string, string>[] = [{}, { "x-request-id": "<script>" }];
        for (const given of asked) {
          const { headers, body } = await client.ask(path, { headers: given });
          assert.match(body, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
          assert.equal(headers["x-request-id"], body);
        }
      });
    }

    for (const path of ["/app-id", "/core/file"]) {
      test(`${path}: a response header that the app sets itself wins over the echo`, async () => {
        assert.equal((await call(path, 1)).headers["x-request-id"], "the-apps-own");
      });
    }

    for (const path of ["/core/no-headers", ...(TAKES_LISTS ? ["/core/list"] : [])]) {
      test(`${path}: headers in any form that Node takes get the id`, async () => {
        const { headers, id } = await call(path, 1);
        assert.equal(headers["x-request-id"], id);
        assert.equal(headers[":status" as "status"], 200);
      });
    }

    test("HEAD, and a response without a body, end well", async () => {
      const head = await call("/ok", 1, { headers: { ":method": "HEAD" } });
      assert.equal(head.spans[0]?.tags["http.request.method"], "HEAD");
      assert.equal(head.spans[0]?.tags["error.type"], undefined);
      const none = await call("/head", 1);
      assert.equal(none.spans[0]?.tags["http.response.status_code"], "204");
    });

    test("A push belongs to the request that it answers, and is none itself", async () => {
      const { body, spans } = await call("/core/push", 1);
      assert.equal(body, "with a push");
      assert.equal(spans.length, 1);
      assert.equal(zipkin.spans.filter(({ tags }) => tags["url.path"] === "/pushed").length, 0);
    });

    test("A trace that comes in is continued", async () => {
      const { spans } = await call("/ok", 1, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
      assert.equal(spans[0]?.traceId, TRACE);
      assert.equal(spans[0]?.parentId, PARENT);
    });

    test("A call made in a listener on the request's body belongs to the request", async () => {
      const { spans } = await call("/body", 2, { body: "x".repeat(100_000) });
      assert.equal(spanOf(spans, "CLIENT").parentId, spanOf(spans, "SERVER", "/body").id);
    });

    test("Streams of one session, all at once, keep their own ids and traces", async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => call("/call", 3)));
      for (const { id, headers, spans } of all) {
        assert.equal(headers["x-request-id"], id);
        assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
        assert.equal(spanOf(spans, "CLIENT").parentId, spanOf(spans, "SERVER", "/call").id);
        assert.equal(spanOf(spans, "SERVER", "/echo").parentId, spanOf(spans, "CLIENT").id);
      }
    });

    const reset = (code: number) => (stream: ClientHttp2Stream) => stream.close(code);
    for (const [what, path, onResponse] of [
      ["resets the stream", "/headers-then-hang", reset(8)],
      ["resets the stream as an error", "/headers-then-hang", reset(2)],
      ["resets the stream of a long answer", "/much", reset(8)],
      ["ends the session", "/headers-then-hang", (stream: ClientHttp2Stream) => stream.session?.destroy()],
      ["sends GOAWAY with an error", "/headers-then-hang", (stream: ClientHttp2Stream) => stream.session?.goaway(2)],
    ] as const) {
      test(`A client that ${what} (${path}) has left, which is neither an error nor a 200`, async () => {
        const own = await openHttp2(app.url);
        const id = `h2-${engine}-left-${nextId++}`;
        const ok = sumOf(await app.scrape(), COUNT, { http_response_status_code: "200" });
        await own.ask(path, { headers: { "x-request-id": id }, onResponse });
        const [{ tags }] = (await spansOf(id, 1)) as [ZipkinSpan];
        assert.equal(tags["error.type"], "client_aborted");
        assert.equal(tags["otel.status_code"], undefined);
        assert.equal(sumOf(await app.scrape(), COUNT, { http_response_status_code: "200" }), ok);
        own.close();
      });
    }

    test("A client that resets before there is an answer has left", async () => {
      const id = `h2-${engine}-reset`;
      const stream = client.session.request({ ":path": "/hang", "x-request-id": id });
      // An answer to a later request shows that this one has come.
      await call("/ok", 1);
      stream.close(8);
      const [{ tags }] = (await spansOf(id, 1)) as [ZipkinSpan];
      assert.equal(tags["error.type"], "client_aborted");
      assert.equal(tags["http.response.status_code"], undefined);
    });

    test("A client that ends the session by GOAWAY gets the answers that it waits for", async () => {
      const own = await openHttp2(app.url);
      const id = `h2-${engine}-goaway`;
      const onResponse = (stream: ClientHttp2Stream): void => stream.session?.close();
      const { body } = await own.ask("/much", { headers: { "x-request-id": id }, onResponse });
      assert.equal(body.length, 4_000_000);
      const [{ tags }] = (await spansOf(id, 1)) as [ZipkinSpan];
      assert.equal(tags["http.response.status_code"], "200");
      assert.equal(tags["error.type"], undefined);
    });

    for (const path of ["/core/reset", "/core/refuse", "/core/destroy", "/core/end-session"]) {
      test(`A response that the app breaks off (${path}) is a failure`, async () => {
        const own = await openHttp2(app.url);
        const id = `h2-${engine}${path}`;
        await own.ask(path, { headers: { "x-request-id": id } });
        const [{ tags }] = (await spansOf(id, 1)) as [ZipkinSpan];
        assert.equal(tags["error.type"], "incomplete_response");
        assert.equal(tags["otel.status_code"], "ERROR");
        own.close();
      });
    }

    test("An event stream ends well when its reader leaves, and its length is no response time", async () => {
      const { spans } = await call("/sse", 1, { onResponse: reset(8) });
      assert.equal(spans[0]?.tags["http.response.status_code"], "200");
      assert.equal(spans[0]?.tags["error.type"], undefined);
      assert.equal(spans[0]?.tags["redtrail.http.streaming"], "true");
    });

    test("A call is a CLIENT span, carries trace and id, and leaves the app's own headers alone", async () => {
      const { body, spans, id } = await call("/call", 3);
      const { tags, traceId, id: spanId } = spanOf(spans, "CLIENT");
      const { headers, isUntouched } = JSON.parse(body) as { headers: Record<string, string>; isUntouched: boolean };
      assert.equal(isUntouched, true);
      assert.equal(headers["x-request-id"], id);
      assert.equal(headers["traceparent"], `00-${traceId}-${spanId}-03`);
      const { port } = new URL(app.url);
      const expected = {
        "http.request.method": "GET",
        "http.response.status_code": "200",
        "url.full": `${app.url}/echo?page=2`,
        "server.address": "127.0.0.1",
        "server.port": port,
        "network.peer.address": "127.0.0.1",
        "network.peer.port": port,
        "network.protocol.version": "2",
      };
      for (const [key, value] of Object.entries(expected)) assert.equal(tags[key], value, key);
      assert.match(String(tags["http.response.header.x-request-id"]), new RegExp(id));
      const took = Number(tags["redtrail.server.response_time"]);
      assert.ok(took > 0 && took < 5, String(took));
    });

    test("An id that the app sets itself on a call wins, and is not doubled", async () => {
      const { body } = await call("/call?own=mine", 2);
      const { headers, raw } = JSON.parse(body) as { headers: Record<string, string>; raw: string[] };
      assert.equal(headers["x-request-id"], "mine");
      assert.equal(raw.filter((name) => name === "x-request-id").length, 1);
    });

    if (TAKES_LISTS) {
      test("A call whose headers the app gives as a list carries trace and id too, and no stale trace", async () => {
        const { body, spans, id } = await call("/call-list", 3);
        const { traceId, id: spanId } = spanOf(spans, "CLIENT");
        const { headers } = JSON.parse(body) as { headers: Record<string, string> };
        assert.equal(headers["traceparent"], `00-${traceId}-${spanId}-03`);
        assert.equal(headers["x-request-id"], id);
      });
    }

    for (const [path, errorType, isError] of [
      ["/refused", "ECONNREFUSED", true],
      ["/broken-off", "incomplete_response", true],
      ["/call-refused", "ERR_HTTP2_STREAM_ERROR", true],
      ["/call-abort", "cancelled", false],
      ["/call-cancel", "cancelled", false],
      ["/call-timeout", "timeout", true],
      ["/call-deadline", "timeout", true],
    ] as const) {
      test(`A call that ends as ${errorType} (${path}) is told so, and the app goes on`, async () => {
        const { body, spans } = await call(path, 2);
        assert.equal(body, "over");
        const { tags } = spanOf(spans, "CLIENT");
        assert.equal(tags["error.type"], errorType);
        assert.equal(tags["otel.status_code"], isError ? "ERROR" : undefined);
      });
    }

    test("CONNECT is a span on either side that lasts until its answer", async () => {
      const { body, spans } = await call("/call-tunnel", 3);
      assert.equal(body, "open");
      const [inner, outer] = [spanOf(spans, "SERVER", "example.com:443"), spanOf(spans, "CLIENT")];
      assert.equal(inner.parentId, outer.id);
      for (const { tags } of [inner, outer]) {
        assert.equal(tags["http.request.method"], "CONNECT");
        assert.equal(tags["http.response.status_code"], "200");
      }
      assert.equal(outer.tags["server.address"], new URL(app.url).hostname, "the proxy, as with HTTP/1");
    });

    test("Once all are answered or gone, no request is left over as active", async () => {
      const text = await app.scrape();
      assert.equal(sumOf(text, "http_server_active_requests", { http_request_method: "GET" }), 0);
    });
  });
}

test("curl over HTTP/2 gets its id back", async (t) => {
  const { stdout: version } = await promisify(execFile)("curl", ["--version"]).catch(() => ({ stdout: "" }));
  if (!version.includes("HTTP2")) return t.skip("no curl with HTTP/2");
  const app = await runApp({ app: "http2-app.mjs", env: { OTEL_TRACES_EXPORTER: "none" } });
  const args = [
    "--silent",
    "--http2-prior-knowledge",
    "--include",
    "-H",
    "X-Request-ID: from-curl",
    `${app.url}/seen-id`,
  ];
  const { stdout } = await promisify(execFile)("curl", args);
  await app.stop("SIGKILL");
  assert.match(stdout, /^HTTP\/2 200/);
  assert.match(stdout, /x-request-id: from-curl/);
  assert.match(stdout, /\r\n\r\nfrom-curl$/);
});

// node:http and fetch, through the real preload, into a collector: what a request leaves behind, on both engines.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

interface Echo {
  readonly headers: Record<string, string>;
  readonly distinct: Record<string, string[]>;
}

/** What upstream's exporters do differently; the README lists it. */
const DIFFERENCES = {
  native: { hasOutcome: true },
  "node-sdk": { hasOutcome: false },
} as const;

for (const engine of ["native", "node-sdk"] as const) {
  describe(`engine ${engine}`, () => {
    let zipkin: TestZipkin;
    let app: RunningApp;
    let nextId = 0;

    before(async () => {
      zipkin = await startZipkin();
      app = await runApp({
        app: "http-app.mjs",
        env: { REDTRAIL_ENGINE: engine, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, OTEL_SERVICE_NAME: "fixture" },
      });
    });
    after(async () => {
      await app.stop("SIGKILL");
      await zipkin.close();
    });

    /** Calls with a request id of its own, and resolves with the answer and the spans that carry the id. */
    async function call(
      path: string,
      spanCount: number,
      init: RequestInit = {},
    ): Promise<{ text: string; response: Response; spans: ZipkinSpan[] }> {
      const id = `test-${engine}-${nextId++}`;
      const response = await fetch(app.url + path, { ...init, headers: { "x-request-id": id, ...init.headers } });
      const text = await response.text();
      return { text, response, spans: await spansOf(id, spanCount) };
    }

    async function spansOf(id: string, count: number): Promise<ZipkinSpan[]> {
      const ofRequest = (spans: readonly ZipkinSpan[]): ZipkinSpan[] =>
        spans.filter(({ tags }) => tags["http.request.id"] === id);
      return ofRequest(await zipkin.waitFor((spans) => ofRequest(spans).length >= count));
    }

    function serverSpan(spans: readonly ZipkinSpan[], path: string): ZipkinSpan {
      const found = spans.find(({ kind, tags }) => kind === "SERVER" && tags["url.path"] === path);
      assert.ok(found, `no SERVER span for ${path}`);
      return found;
    }

    function clientSpan(spans: readonly ZipkinSpan[]): ZipkinSpan {
      const found = spans.find(({ kind }) => kind === "CLIENT");
      assert.ok(found, "no CLIENT span");
      return found;
    }

    function assertOutcome(span: ZipkinSpan, outcome: string): void {
      if (DIFFERENCES[engine].hasOutcome) assert.equal(span.tags["outcome"], outcome);
    }

    test("A request makes one SERVER span with the stable conventions' attributes, and echoes its id", async () => {
      const { response, spans } = await call("/ok?page=2&token=s3cr3t", 1, { headers: { "user-agent": "test/1" } });
      assert.equal(response.headers.get("x-request-id"), spans[0]?.tags["http.request.id"]);
      const [span] = spans as [ZipkinSpan];
      assert.equal(span.kind, "SERVER");
      assert.equal(span.name.toUpperCase(), "GET");
      const { tags } = span;
      const { port } = new URL(app.url);
      assert.deepEqual(
        {
          method: tags["http.request.method"],
          path: tags["url.path"],
          query: tags["url.query"],
          scheme: tags["url.scheme"],
          status: tags["http.response.status_code"],
          address: tags["server.address"],
          port: tags["server.port"],
          client: tags["client.address"],
          protocol: tags["network.protocol.version"],
          agent: tags["user_agent.original"],
          route: tags["http.route"],
        },
        {
          method: "GET",
          path: "/ok",
          query: "page=2&token=REDACTED",
          scheme: "http",
          status: "200",
          address: "127.0.0.1",
          port,
          client: "127.0.0.1",
          protocol: "1.1",
          agent: "test/1",
          route: undefined,
        },
      );
      assertOutcome(span, "success");
    });

    test("A request without an id gets a UUIDv7, which the app sees in its headers and the caller in the response", async () => {
      const response = await fetch(`${app.url}/seen-id`);
      const seen = await response.text();
      assert.match(seen, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      assert.equal(response.headers.get("x-request-id"), seen);
    });

    test("An id that is not valid is replaced everywhere", async () => {
      const response = await fetch(`${app.url}/seen-id`, { headers: { "x-request-id": "<script>" } });
      const seen = await response.text();
      assert.match(seen, /^[0-9a-f-]{36}$/);
      assert.equal(response.headers.get("x-request-id"), seen);
    });

    test("A response header that the app sets itself wins over the echo", async () => {
      const { response } = await call("/app-id", 1);
      assert.equal(response.headers.get("x-request-id"), "the-apps-own");
    });

    for (const path of ["/http", "/fetch"]) {
      test(`A call by ${path.slice(1)} is a CLIENT span below the SERVER span, and carries trace and id once each`, async () => {
        const { text, spans } = await call(path, 2);
        const id = spans[0]?.tags["http.request.id"] as string;
        const server = serverSpan(spans, path);
        const client = clientSpan(spans);
        assert.equal(client.parentId, server.id);
        assert.equal(client.traceId, server.traceId);
        const { distinct } = JSON.parse(text) as Echo;
        assert.deepEqual(distinct["x-request-id"], [id]);
        assert.deepEqual(distinct["traceparent"], [`00-${client.traceId}-${client.id}-03`]);
        assert.match(client.tags["url.full"] as string, /^http:\/\/127\.0\.0\.1:\d+\/inner\?token=REDACTED(&page=2)?$/);
        assert.equal(client.tags["http.response.status_code"], "200");
        assert.equal(client.tags["network.peer.address"], "127.0.0.1");
      });

      test(`An id that the app sets itself on a call by ${path.slice(1)} wins, and is not doubled`, async () => {
        const { text } = await call(`${path}?own=mine`, 2);
        assert.deepEqual((JSON.parse(text) as Echo).distinct["x-request-id"], ["mine"]);
      });
    }

    test("A call whose headers the app gives as an array carries trace and id too, and no stale trace", async () => {
      const { text, spans } = await call("/http-array-headers", 2);
      const client = clientSpan(spans);
      const { distinct } = JSON.parse(text) as Echo;
      assert.deepEqual(distinct["traceparent"], [`00-${client.traceId}-${client.id}-03`]);
      assert.deepEqual(distinct["x-request-id"], [client.tags["http.request.id"]]);
    });

    test("A call made in a listener on the request's body belongs to the request", async () => {
      const { spans } = await call("/body", 2, { method: "POST", body: "x".repeat(100_000) });
      assert.equal(clientSpan(spans).parentId, serverSpan(spans, "/body").id);
    });

    test("A trace that comes in is continued", async () => {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const { spans } = await call("/ok", 1, { headers: { traceparent } });
      assert.equal(spans[0]?.traceId, "0af7651916cd43dd8448eb211c80319c");
      assert.equal(spans[0]?.parentId, "b7ad6b7169203331");
    });

    test("A 5xx response is an error with its status as type", async () => {
      const { spans } = await call("/error", 1);
      assert.equal(spans[0]?.tags["error.type"], "503");
      assert.equal(spans[0]?.tags["otel.status_code"], "ERROR");
      assertOutcome(spans[0], "failure");
    });

    test("A 404 is no error of the server", async () => {
      const { spans } = await call("/nowhere", 1);
      assert.equal(spans[0]?.tags["error.type"], undefined);
      assert.equal(spans[0]?.tags["http.response.status_code"], "404");
    });

    for (const [path, errorType, answer] of [
      ["/refused", "ECONNREFUSED", "ECONNREFUSED"],
      ["/fetch-refused", "ECONNREFUSED", "ECONNREFUSED"],
      ["/reset", "ECONNRESET", "ECONNRESET"],
      ["/dns", /^(ENOTFOUND|EAI_AGAIN)$/, /^(ENOTFOUND|EAI_AGAIN)$/],
      ["/timeout", "timeout", "ECONNRESET"],
      ["/fetch-abort", "timeout", "TimeoutError"],
    ] as const) {
      test(`A call that ends as ${String(errorType)} (${path}) is an error of that type, and the app sees what it always saw`, async () => {
        const { text, spans } = await call(path, 2);
        const client = clientSpan(spans);
        assert.match(text, typeof answer === "string" ? new RegExp(`^${answer}$`) : answer);
        assert.match(
          client.tags["error.type"] as string,
          typeof errorType === "string" ? new RegExp(`^${errorType}$`) : errorType,
        );
        assert.equal(client.tags["otel.status_code"], "ERROR");
        if (DIFFERENCES[engine].hasOutcome) assert.ok((client.tags["error"] as string).length > 0);
      });
    }

    for (const path of ["/hang", "/headers-then-hang"]) {
      test(`A client that leaves during ${path} is marked as such, and is neither an error nor a 200`, async () => {
        const id = `abort-${engine}${path}`;
        const before = sumOf(await app.scrape(), "http_server_request_duration_seconds_count", {
          http_response_status_code: "200",
        });
        const request = httpRequest(app.url + path, { headers: { "x-request-id": id } }).on("error", () => {});
        request.end();
        if (path === "/hang") await zipkinIdle();
        else await once(request, "response");
        request.destroy();
        const [span] = (await spansOf(id, 1)) as [ZipkinSpan];
        assert.equal(span.tags["error.type"], "client_aborted");
        assert.equal(span.tags["otel.status_code"], undefined);
        assertOutcome(span, "aborted");
        const text = await app.scrape();
        assert.ok(sumOf(text, "http_server_request_duration_seconds_count", { error_type: "client_aborted" }) >= 1);
        assert.equal(
          sumOf(text, "http_server_request_duration_seconds_count", { http_response_status_code: "200" }),
          before,
        );
      });
    }

    /** Time for a request to reach the app: an answer to another one that was sent later. */
    async function zipkinIdle(): Promise<void> {
      await (await fetch(`${app.url}/nowhere`)).text();
      await (await fetch(`${app.url}/nowhere`)).text();
    }

    test("A response that the app breaks off is a failure with the app's message", async () => {
      const id = `break-${engine}`;
      await fetch(`${app.url}/break`, { headers: { "x-request-id": id } })
        .then((response) => response.text())
        .catch(() => {});
      const [span] = (await spansOf(id, 1)) as [ZipkinSpan];
      assert.equal(span.tags["error.type"], "incomplete_response");
      assert.equal(span.tags["otel.status_code"], "ERROR");
    });

    test("An event stream ends well when its reader leaves, and its length is no response time", async () => {
      const id = `sse-${engine}`;
      const controller = new AbortController();
      const response = await fetch(`${app.url}/sse`, { headers: { "x-request-id": id }, signal: controller.signal });
      await response.body?.getReader().read();
      controller.abort();
      const [span] = (await spansOf(id, 1)) as [ZipkinSpan];
      assert.equal(span.tags["http.response.status_code"], "200");
      assert.equal(span.tags["error.type"], undefined);
      assert.equal(span.tags["redtrail.http.streaming"], "true");
    });

    test("HEAD has a span of its own name", async () => {
      const { spans } = await call("/ok", 1, { method: "HEAD" });
      assert.equal(spans[0]?.tags["http.request.method"], "HEAD");
    });

    test("A method that the conventions do not know is _OTHER, and kept beside", async () => {
      const id = `purge-${engine}`;
      await raw(`PURGE /ok HTTP/1.1\r\nHost: x\r\nX-Request-ID: ${id}\r\nConnection: close\r\n\r\n`);
      const [span] = (await spansOf(id, 1)) as [ZipkinSpan];
      assert.equal(span.tags["http.request.method"], "_OTHER");
      assert.equal(span.tags["http.request.method_original"], "PURGE");
      assert.equal(span.name.toUpperCase(), "HTTP");
    });

    test("Expect: 100-continue is answered and traced", async () => {
      const id = `expect-${engine}`;
      const answer = await raw(
        `POST /ok HTTP/1.1\r\nHost: x\r\nX-Request-ID: ${id}\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab`,
      );
      assert.match(answer, /^HTTP\/1\.1 100 Continue/);
      assert.match(answer, /200 OK/);
      assert.equal((await spansOf(id, 1))[0]?.tags["http.response.status_code"], "200");
    });

    test("Pipelined requests on one connection keep their own ids and traces", async () => {
      const ids = ["a", "b", "c"].map((name) => `pipe-${engine}-${name}`);
      const answer = await raw(
        ids
          .map(
            (id, index) =>
              `GET /http HTTP/1.1\r\nHost: x\r\nX-Request-ID: ${id}\r\n${index === 2 ? "Connection: close\r\n" : ""}\r\n`,
          )
          .join(""),
      );
      for (const id of ids) {
        assert.ok(answer.includes(`X-Request-ID: ${id}`));
        const spans = await spansOf(id, 2);
        assert.equal(clientSpan(spans).parentId, serverSpan(spans, "/http").id);
      }
    });

    for (const [what, head, status] of [
      ["An upgrade", "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n", "101"],
      ["CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n", "200"],
    ] as const) {
      test(`${what} is a span that lasts until the answer's first line`, async () => {
        const id = `${what.slice(0, 2)}-${engine}`.replace(" ", "");
        const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
        socket.write(`${head}X-Request-ID: ${id}\r\n\r\n`);
        const [data] = (await once(socket, "data")) as [Buffer];
        assert.match(data.toString(), new RegExp(`^HTTP/1.1 ${status}`));
        const [span] = (await spansOf(id, 1)) as [ZipkinSpan];
        assert.equal(span.tags["http.response.status_code"], status);
        socket.destroy();
      });
    }

    /** Sends bytes as they are and resolves with all that comes back. */
    async function raw(bytes: string): Promise<string> {
      const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
      socket.write(bytes);
      let answer = "";
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    }

    test("Neither scrapes nor exports leave a span or a count", async () => {
      await app.scrape();
      const text = await app.scrape();
      assert.ok(!zipkin.spans.some(({ tags }) => /metrics|api\/v2/.test(`${tags["url.path"]}${tags["url.full"]}`)));
      const zipkinPort = new URL(zipkin.endpoint).port;
      assert.equal(sumOf(text, "http_client_request_duration_seconds_count", { server_port: zipkinPort }), 0);
    });

    test("The scrape has the service in target_info, and no request left over as active", async () => {
      const text = await app.scrape();
      assert.match(text, /^target_info\{[^}]*service_name="fixture"/m);
      // /hang is never answered; its clients have gone.
      assert.equal(sumOf(text, "http_server_active_requests", { http_request_method: "GET" }), 0);
    });
  });
}

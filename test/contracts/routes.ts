// What holds under every web framework: the request has the status that the app gave it, and the route as the app wrote it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type RunOptions, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startZipkin } from "../support/zipkin.ts";

interface ExpectedRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: string;
  readonly status: number;
  /** The route; undefined where none matched. */
  readonly route: string | undefined;
  /** The span's error message. */
  readonly error?: string;
  /** The answer tells what a service saw that the app called meanwhile: the ids of this request. */
  readonly callsBackend?: true;
}

/** Where frameworks differ: how patterns are written, and what they do by themselves. */
export interface FrameworkTraits {
  readonly user: string;
  readonly item: string;
  readonly wildcard: string;
  /** Of a hook or a middleware that answers; undefined where it runs before the router. */
  readonly early: string | undefined;
  /** Of a path that exists, for another method. */
  readonly wrongMethod: number;
  /** Of OPTIONS without a handler. */
  readonly options: number;
  /** Of a body that the framework cannot parse: its status and its route. */
  readonly badBody?: readonly [number, string | undefined];
  /** Of a promise that rejects, with its message. @default 500 */
  readonly rejects?: number;
}

function requestsOf({
  user,
  item,
  wildcard,
  early,
  wrongMethod,
  options,
  badBody,
}: FrameworkTraits): readonly ExpectedRequest[] {
  const requests: ExpectedRequest[] = [
    { path: "/", status: 200, route: "/" },
    { path: "/users/1", status: 200, route: user, callsBackend: true },
    { path: "/users/2?x=/nowhere", status: 200, route: user, callsBackend: true },
    { method: "HEAD", path: "/users/3", status: 200, route: user },
    { method: "OPTIONS", path: "/users/4", status: options, route: undefined },
    { method: "DELETE", path: "/users/5", status: wrongMethod, route: undefined },
    { method: "POST", path: "/echo", body: '{"a":1}', status: 200, route: "/echo", callsBackend: true },
    { path: "/api/v1/items/7", status: 200, route: item },
    { path: "/api/v1/none", status: 404, route: undefined },
    { path: "/files/a/b.txt", status: 200, route: wildcard },
    { path: "/nowhere/at/all", status: 404, route: undefined },
    { path: "/throws", status: 500, route: "/throws", error: "no luck" },
    { path: "/rejects", status: 500, route: "/rejects", error: "no promise" },
    { path: "/refuses", status: 418, route: "/refuses" },
    { path: "/early", status: 401, route: early },
    { path: "/hooked", status: 200, route: "/hooked", callsBackend: true },
  ];
  if (badBody !== undefined) {
    requests.push({ method: "POST", path: "/echo", body: "{", status: badBody[0], route: badBody[1] });
  }
  return requests;
}

/** Answers with the ids that it was called with. */
async function startBackend(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    const { "x-request-id": requestId, traceparent } = request.headers;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ requestId, traceId: String(traceparent).split("-")[1] }));
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Sends each request once to an app of test/fixtures/frameworks, and compares what its spans and its metrics say. */
export async function assertRoutes(options: RunOptions, traits: FrameworkTraits): Promise<void> {
  const zipkin = await startZipkin();
  const backend = await startBackend();
  const app = await runApp({
    ...options,
    env: { ...options.env, BACKEND_URL: backend.url, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint },
  });
  try {
    const requests = requestsOf(traits).map((request, index) => ({
      ...request,
      method: request.method ?? "GET",
      id: `request-${index}`,
    }));
    for (const { method, path, body, status, callsBackend, id } of requests) {
      const traceId = id.slice(8).padStart(32, "1");
      const response = await fetch(app.url + path, {
        method,
        headers: {
          "x-request-id": id,
          traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      assert.equal(response.status, status, `${method} ${path}: ${text}`);
      assert.equal(response.headers.get("x-request-id"), id);
      if (callsBackend !== true) continue;
      const { requestId, traceId: seenTraceId } = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual({ requestId, traceId: seenTraceId }, { requestId: id, traceId }, `${method} ${path}`);
    }

    const isServer = ({ kind }: { kind?: string }): boolean => kind === "SERVER";
    const spans = (await zipkin.waitFor((all) => all.filter(isServer).length >= requests.length)).filter(isServer);
    const seen = spans.map(({ name, tags }) => ({
      id: tags["http.request.id"],
      name: name.toLowerCase(),
      status: tags["http.response.status_code"],
      route: tags["http.route"],
      error: tags["error"],
    }));
    assert.deepEqual(
      new Map(seen.map((span) => [span.id, span])),
      new Map(
        requests.map(({ id, method, route, status, error }) => [
          id,
          {
            id,
            name: (route === undefined ? method : `${method} ${route}`).toLowerCase(),
            status: String(status),
            route,
            error: error ?? (status >= 500 ? String(status) : undefined),
          },
        ]),
      ),
    );

    const text = await app.scrape();
    for (const { method, route, status } of requests) {
      const expected = requests.filter((one) => one.method === method && one.route === route && one.status === status);
      const labels = {
        http_request_method: method,
        http_route: route,
        http_response_status_code: String(status),
      };
      assert.equal(
        sumOf(text, "http_server_request_duration_seconds_count", labels),
        expected.length,
        JSON.stringify(labels),
      );
    }
    assert.equal(sumOf(text, "http_server_request_duration_seconds_count"), requests.length);
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
    backend.close();
  }
}

// Express 4 and 5, as CommonJS, ES module and TypeScript, with only --require: routes, exact counts, sampling.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { withAliases } from "../support/aliases.ts";
import { type RunOptions, runApp } from "../support/run-app.ts";
import { parseSamples, sumOf } from "../support/scrape.ts";
import { startZipkin } from "../support/zipkin.ts";

/** Path, status, route as the app wrote it (undefined: none). */
const REQUESTS: readonly (readonly [string, number, string | undefined])[] = [
  ["/", 200, "/"],
  ["/users/1", 200, "/users/:id"],
  ["/USERS/2", 200, "/users/:id"],
  ["/users/3?x=/nowhere", 200, "/users/:id"],
  ["/fail", 500, "/fail"],
  ["/passes", 404, undefined],
  ["/nowhere/at/all", 404, undefined],
  ["/api/users/7/posts", 200, "/api/users/:id/posts"],
  ["/api/users/8/posts/9", 200, "/api/users/:id/posts/:post"],
  ["/api/users/8/posts/9/fail", 500, "/api/users/:id/posts/:post/fail"],
  ["/api/users/8/none", 404, undefined],
  ["/admin/panel", 200, "/admin/panel"],
  ["/admin/none", 404, undefined],
  ["/static/file.css", 200, "/static"],
  ["/static/none.css", 404, undefined],
  ["/slashed/orders/1", 200, "/slashed/orders/:id"],
  ["/orders/1", 200, "/orders/:order"],
  // Failed before the route was entered, in app.param.
  ["/orders/missing", 500, "/orders/:order"],
  ["/orders/throws", 500, "/orders/:order"],
  // Answered, and passed on all the same.
  ["/answered/1", 200, "/answered/:id"],
  // Errors that the app takes back.
  ["/gone/1", 404, undefined],
  ["/slashed/gone/1", 404, undefined],
  ["/found/1", 200, "/found/:other"],
];

const EXPRESS_5: RunOptions = { app: "express-app.cjs" };

function express4(): RunOptions {
  const { cwd, nodeArgs } = withAliases("express4", "express-app.cjs", { express: "express4" });
  return { app: join(cwd, "express-app.cjs"), nodeArgs };
}

for (const engine of ["native", "node-sdk"]) {
  for (const [version, options] of [
    ["Express 5", EXPRESS_5],
    ["Express 4", express4()],
  ] as const) {
    test(`engine ${engine}: ${version} names the route as the app wrote it, and no route where nothing matched`, async () => {
      const zipkin = await startZipkin();
      const env = { REDTRAIL_ENGINE: engine, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint };
      const app = await runApp({ ...options, env });
      try {
        for (const [path, status] of REQUESTS) assert.equal((await fetch(app.url + path)).status, status, path);
        const text = await app.scrape();
        for (const [, status, route] of REQUESTS) {
          const labels = { http_route: route, http_response_status_code: String(status) };
          const expected = REQUESTS.filter((one) => one[1] === status && one[2] === route).length;
          assert.equal(
            sumOf(text, "http_server_request_duration_seconds_count", labels),
            expected,
            JSON.stringify(labels),
          );
        }
        const names = new Set(
          parseSamples(text)
            .filter(({ name }) => name === "traces_span_metrics_calls_total")
            .map(({ labels }) => labels["span_name"]),
        );
        assert.deepEqual(
          names,
          new Set(["GET", ...REQUESTS.filter((one) => one[2] !== undefined).map((one) => `GET ${one[2]}`)]),
        );
        const spans = await zipkin.waitFor((all) => all.length >= REQUESTS.length);
        assert.equal(spans.length, REQUESTS.length);
      } finally {
        await app.stop("SIGKILL");
        await zipkin.close();
      }
    });
  }
}

for (const file of ["express-app.cjs", "express-app.mjs", "typescript-app.mts"]) {
  test(`${file} under --require is counted exactly at a tenth of sampling, by route and status`, async () => {
    const zipkin = await startZipkin();
    const env = {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.1",
    };
    const app = await runApp({ app: file, env });
    try {
      const paths = Array.from({ length: 400 }, (_, index) => (index % 4 === 0 ? "/none" : `/users/${index}`));
      for (let i = 0; i < paths.length; i += 20) {
        await Promise.all(paths.slice(i, i + 20).map(async (path) => (await fetch(app.url + path)).text()));
      }
      const text = await app.scrape();
      const count = "http_server_request_duration_seconds_count";
      assert.equal(sumOf(text, count, { http_route: "/users/:id", http_response_status_code: "200" }), 300);
      assert.equal(sumOf(text, count, { http_route: undefined, http_response_status_code: "404" }), 100);
      assert.equal(sumOf(text, "traces_span_metrics_calls_total"), 400);
      await zipkin.waitFor((all) => all.length >= 10);
      assert.ok(zipkin.spans.length < 100, `${zipkin.spans.length} of 400 sampled`);
    } finally {
      await app.stop("SIGKILL");
      await zipkin.close();
    }
  });
}

test("The package router by itself, imported, names its routes", async () => {
  const script = `import { createServer } from "node:http";
    import Router from "router";
    const router = Router();
    router.get("/users/:id", (request, response) => response.end("user"));
    const server = createServer((request, response) => router(request, response, () => response.end("none")));
    server.listen(0, "127.0.0.1", () => console.log("listening http://127.0.0.1:" + server.address().port));`;
  const app = await runApp({ app: ["--input-type=module", "-e", script], env: { OTEL_TRACES_EXPORTER: "none" } });
  try {
    assert.equal(await (await fetch(`${app.url}/users/1`)).text(), "user");
    const labels = { http_route: "/users/:id" };
    assert.equal(sumOf(await app.scrape(), "http_server_request_duration_seconds_count", labels), 1);
    assert.equal(app.stderr().trimEnd().split("\n").length, 1, app.stderr());
  } finally {
    await app.stop("SIGKILL");
  }
});

test("A body that express.json() reads leaves the rest of the request in its context", async () => {
  const zipkin = await startZipkin();
  const app = await runApp({ app: "express-app.cjs", env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint } });
  try {
    const init = { method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } };
    assert.deepEqual(await (await fetch(`${app.url}/echo`, init)).json(), { a: 1 });
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.equal(span?.tags["http.route"], "/echo");
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
});

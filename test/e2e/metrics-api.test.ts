// What an app records through the OpenTelemetry metrics API goes out by the same rules, and nothing is counted twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp } from "../support/run-app.ts";
import { parseSamples } from "../support/scrape.ts";

test("The app's own metrics are in the scrape, under Prometheus' names", async () => {
  const app = await runApp({ app: "metrics-app.cjs" });
  await (await fetch(app.url)).text();
  const samples = parseSamples(await app.scrape()).filter(({ labels }) => labels["otel_scope_name"] === "shop");
  await app.stop();
  const scope = { otel_scope_name: "shop", otel_scope_version: "1.2.3" };
  assert.deepEqual(samples, [
    { name: "orders_placed_total", labels: { ...scope, shop_size: "small;s" }, value: 3 },
    { name: "queue_fill_ratio", labels: scope, value: 0.5 },
  ]);
});

test("A metric that redtrail makes of spans has no other writer", async () => {
  const app = await runApp({ app: "metrics-app.cjs" });
  await (await fetch(app.url)).text();
  const samples = parseSamples(await app.scrape());
  await app.stop();
  const counts = samples.filter(({ name }) => name === "http_server_request_duration_seconds_count");
  assert.deepEqual(
    counts.map(({ labels, value }) => [labels["otel_scope_name"], labels["http_route"], value]),
    [["redtrail", undefined, 1]],
  );
});

test("A metric that redtrail does not make of spans by setting is the app's again", async () => {
  const app = await runApp({ app: "metrics-app.cjs", env: { REDTRAIL_RED_METRICS: "spanmetrics" } });
  const samples = parseSamples(await app.scrape());
  await app.stop();
  const counts = samples.filter(({ name }) => name === "http_server_request_duration_seconds_count");
  assert.deepEqual(
    counts.map(({ labels }) => labels["http_route"]),
    ["/twice"],
  );
});

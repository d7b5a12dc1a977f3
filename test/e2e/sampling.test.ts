// Which traces reach Zipkin under rules, and that metrics count every request all the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

test("Rules choose traces by path and header, and metrics count all requests", async () => {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: "propagation-app.cjs",
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      REDTRAIL_SAMPLING_RULES: "keep header.x-debug=*; drop path=/health*; drop method=POST",
    },
  });
  try {
    await fetch(`${app.url}/health/live`);
    await fetch(`${app.url}/orders`, { method: "POST" });
    await fetch(`${app.url}/health/debugged`, { headers: { "x-debug": "1" } });
    await fetch(`${app.url}/orders`);
    const spans = await zipkin.waitFor((all) => all.length >= 2);
    assert.deepEqual(spans.map(({ tags }) => String(tags["url.path"])).toSorted(), ["/health/debugged", "/orders"]);
    const counted = [...(await app.scrape()).matchAll(/^http_server_request_duration_seconds_count\{.*\} (\d+)/gm)];
    assert.equal(
      counted.reduce((sum, [, value]) => sum + Number(value), 0),
      4,
    );
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
});

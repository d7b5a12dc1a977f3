// https, server and client: the same spans as http, with the scheme and the port of https.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { FIXTURES, runApp } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

const CA = join(FIXTURES, "tls/cert.pem");

for (const path of ["/https", "/fetch"]) {
  test(`A request over https and its call by ${path.slice(1)} are one trace with one id`, async () => {
    const zipkin = await startZipkin();
    // NODE_EXTRA_CA_CERTS is for fetch, which takes no certificate by its options.
    const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, NODE_EXTRA_CA_CERTS: CA };
    const app = await runApp({ app: "https-app.cjs", env });
    try {
      const options = { ca: readFileSync(CA), headers: { "x-request-id": "id-1" }, agent: false } as const;
      const [response] = (await once(get(app.url + path, options), "response")) as [IncomingMessage];
      assert.equal(await text(response), "inner");
      assert.equal(response.headers["x-request-id"], "id-1");
      const spans = await zipkin.waitFor((all) => all.length === 3);
      assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
      const { port } = new URL(app.url);
      for (const { kind, tags } of spans) {
        assert.equal(tags["http.request.id"], "id-1");
        assert.equal(tags["server.port"], port);
        if (kind === "SERVER") assert.equal(tags["url.scheme"], "https");
        else assert.equal(tags["url.full"], `https://localhost:${port}/inner`);
      }
    } finally {
      await app.stop("SIGKILL");
      await zipkin.close();
    }
  });
}

// Counts spans whose name, route and host are distinct and 100 KB long, among those of a known route. Needs --expose-gc.
import { createMetrics, span } from "./span.ts";

const FLOOD = 5_000;
const families = JSON.parse(process.argv[2] ?? "null");
const { metrics, total, family } = createMetrics(families === null ? {} : { families });
/** Flat, as what comes from a socket is. */
const text = (i) => Buffer.alloc(100_000, `${i} `).toString();
const attributes = (route, status) => ({
  "http.request.method": "GET",
  "http.route": route,
  "server.address": route,
  "http.response.status_code": status,
});

for (let i = 0; i < 3; i++) metrics.onEnd(span({ name: "GET /known", attributes: attributes("/known", 200) }));
globalThis.gc();
const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
for (let i = 0; i < FLOOD; i++) {
  const long = text(i);
  metrics.onEnd(span({ kind: 1 + (i % 2), name: long, attributes: attributes(long, 200), code: 0 }));
  metrics.onEnd(
    span({ name: "GET /known", attributes: attributes("/known", i % 2 === 0 ? 200 : 500), code: (i % 2) * 2 }),
  );
}
globalThis.gc();
const grownMb = (process.memoryUsage().heapUsed + process.memoryUsage().external - before) / 1e6;
const known = family("http.server.request.duration").dataPoints.filter(
  (point) => point.attributes["http.route"] === "/known",
);
console.log(
  JSON.stringify({
    grownMb,
    counted: total("http.server.request.duration") + total("http.client.request.duration"),
    expected: 3 + 2 * FLOOD,
    known: known.map(({ attributes, value }) => [attributes["http.response.status_code"], value.count]),
  }),
);

// Makes spans and a metric of the calls that orders.js publishes.
import { defineInstrumentation } from "redtrail";

export default defineInstrumentation({
  name: "shop",
  // REDTRAIL_INSTRUMENTATION_SHOP_SHOW_ARTICLES=false changes it.
  options: { showArticles: true },
  start(host) {
    const counter = host.meter.createCounter("shop.orders", { unit: "{order}" });
    host.traceChannel("shop:order", {
      kind: "client",
      start: ({ article }) => ({
        name: host.options.showArticles ? `order ${article}` : "order",
        attributes: { "shop.article": article },
      }),
      end: (span, { article, error }) => counter.add(1, { article, failed: error !== undefined }),
    });
  },
});

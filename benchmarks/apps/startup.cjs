// The user code of the start-up measurement: notes the time of its first line, reports, and ends at once.
"use strict";

if (process.env.BENCH_REQUIRE) require(process.env.BENCH_REQUIRE);
const now = process.hrtime.bigint();

const report = {
  ms: Number(now - BigInt(process.env.BENCH_SPAWNED_AT)) / 1e6,
  rssBytes: process.memoryUsage.rss(),
  files: Object.keys(require.cache).length - 1,
};
require("node:fs").writeSync(1, `@@${JSON.stringify(report)}@@`);
process.exit(0);

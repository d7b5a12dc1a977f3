// Every query of the dashboards, asked of real Prometheus servers that scrape every kind of traffic: none fails, none is empty.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { PROMETHEUS_3 } from "../../scripts/servers/prometheus.ts";
import { type TestPrometheus, startPrometheus } from "../support/prometheus.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { lacks } from "../support/servers.ts";
import { startFixture } from "../dashboards/fixture.ts";
import { withValues } from "../dashboards/grafana-values.ts";
import { allPanels, readDashboards, readRuleFile, ruleFiles } from "../dashboards/sources.ts";

const SERVERS = [
  {
    name: "Prometheus 2 (OpenMetrics)",
    isThere: spawnSync("prometheus", ["--version"]).status === 0,
    binary: "prometheus",
    scrape: "",
    args: ["--enable-feature=exemplar-storage"],
    hasNative: false,
  },
  {
    name: "Prometheus 3 (protobuf, native histograms)",
    isThere: existsSync(PROMETHEUS_3),
    binary: PROMETHEUS_3,
    scrape: "scrape_native_histograms: true, always_scrape_classic_histograms: true,",
    args: ["--enable-feature=exemplar-storage,created-timestamp-zero-ingestion"],
    hasNative: true,
  },
];

const QUERIES = [...readDashboards()].flatMap(([file, dashboard]) =>
  allPanels(dashboard).flatMap(({ title, targets = [] }) =>
    targets.flatMap(({ expr, refId }) =>
      expr === undefined ? [] : [{ where: `${file} "${title}" ${refId}`, title, expr: withValues(expr) }],
    ),
  ),
);

for (const { name, isThere, binary, scrape, args, hasNative } of SERVERS) {
  const skip = isThere ? false : lacks(`there is no ${binary} (npm run servers)`);

  describe(name, { skip }, () => {
    let apps: readonly RunningApp[];
    let prometheus: TestPrometheus;

    before(async () => {
      apps = [
        await startFixture(),
        await runApp({
          app: join(import.meta.dirname, "../dashboards/fixture-cluster.cjs"),
          env: { OTEL_TRACES_EXPORTER: "none" },
        }),
      ];
      const targets = JSON.stringify(apps.map(({ metricsUrl }) => new URL(metricsUrl).host));
      prometheus = await startPrometheus(
        binary,
        `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - { job_name: fixture, ${scrape} static_configs: [{ targets: ${targets} }] }
`,
        args,
      );
      // Its discovery gives it the targets after some seconds.
      await until(async () => (await prometheus.query("count(up == 1)")) === apps.length);
      // Rates need two scrapes of each series.
      for (let i = 0; i < 3; i++) {
        await Promise.all(apps.map(async ({ url }) => (await fetch(`${url}/again`)).text()));
        await wait(1_500);
      }
    });
    after(async () => {
      await Promise.all(apps.map((app) => app.stop()));
      await prometheus.stop();
    });

    async function isEmpty(expr: string): Promise<boolean> {
      const { result } = await prometheus.api<{ result: { value?: [number, string]; histogram?: unknown }[] }>(
        `query?query=${encodeURIComponent(expr)}`,
      );
      return !result.some(({ value, histogram }) => histogram !== undefined || isNumber(value?.[1]));
    }

    test(`${name} answers every query of the dashboards with numbers`, async () => {
      const empty: string[] = [];
      for (const { where, title, expr } of QUERIES) {
        const isNative = title.endsWith("(native)");
        if ((hasNative || !isNative) && (await isEmpty(expr))) empty.push(`${where}: ${expr}`);
      }
      assert.deepEqual(empty, []);
    });

    test(`${name} answers every recording rule with numbers, and every alert without an error`, async () => {
      const empty: string[] = [];
      for (const { name: rule, isAlert, expr } of ruleFiles().flatMap(readRuleFile)) {
        if ((await isEmpty(expr)) && !isAlert) empty.push(rule);
      }
      assert.deepEqual(empty, []);
    });

    test(`${name} finds exemplars by the queries of the panels that show them`, async () => {
      const end = Date.now() / 1000;
      const expr = QUERIES.find(({ title }) => title === "p50, p95, p99")?.expr as string;
      const found = await prometheus.api<{ exemplars: { labels: { trace_id?: string } }[] }[]>(
        `query_exemplars?start=${end - 600}&end=${end}&query=${encodeURIComponent(expr)}`,
      );
      assert.match(found[0]?.exemplars[0]?.labels.trace_id ?? "", /^[0-9a-f]{32}$/);
    });
  });
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && !Number.isNaN(Number(text));
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error("not within 30 s");
    await wait(200);
  }
}

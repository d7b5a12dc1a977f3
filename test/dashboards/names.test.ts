// Every metric and label that the dashboards and rules name is one that redtrail serves.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { before, describe, test } from "node:test";
import { startCollector } from "../../examples/demo/collector.ts";
import { startService, stopServices } from "../../examples/demo/service.ts";
import { runApp } from "../support/run-app.ts";
import { startFixture } from "./fixture.ts";
import { type PromqlNames, promqlNames, templateLabels, variableQueryNames } from "./promql-names.ts";
import { allPanels, readDashboards, readRuleFile, ruleFiles } from "./sources.ts";

/** What Prometheus itself gives to every target. */
const OF_PROMETHEUS = {
  metrics: ["up", "scrape_duration_seconds", "scrape_samples_scraped"],
  labels: ["job", "instance", "le"],
};

interface Served {
  readonly metrics: Set<string>;
  readonly labels: Set<string>;
}

/** Where a name is used: what to say when it is not there. */
type Uses = Map<string, Set<string>>;

function addTo(uses: Uses, names: Iterable<string>, where: string): void {
  for (const name of names) uses.set(name, (uses.get(name) ?? new Set()).add(where));
}

function usedNames(): { metrics: Uses; labels: Uses } {
  const metrics: Uses = new Map();
  const labels: Uses = new Map();
  const made = new Set<string>();
  const rules = ruleFiles().flatMap((file) => readRuleFile(file).map((rule) => ({ file, ...rule })));
  const recorded = new Set(rules.filter(({ isAlert }) => !isAlert).map(({ name }) => name));

  function add(names: PromqlNames, where: string): void {
    addTo(
      metrics,
      [...names.metrics].filter((name) => !recorded.has(name)),
      where,
    );
    addTo(labels, names.labels, where);
    for (const label of names.madeLabels) made.add(label);
  }
  for (const { file, name, expr, summary } of rules) {
    add(promqlNames(expr), `${file} ${name}`);
    addTo(labels, templateLabels(summary), `${file} ${name}`);
  }
  for (const [file, dashboard] of readDashboards()) {
    for (const { title, targets = [] } of allPanels(dashboard)) {
      for (const { expr = "", legendFormat = "" } of targets) {
        add(promqlNames(expr), `${file} "${title}"`);
        addTo(labels, templateLabels(legendFormat), `${file} "${title}"`);
      }
    }
    for (const { name, type, query } of dashboard.templating.list) {
      if (type === "query" && typeof query === "object") add(variableQueryNames(query.query), `${file} $${name}`);
    }
    const links = JSON.stringify(dashboard).matchAll(/\$\{__(?:field\.labels|data\.fields)\.(\w+)\}/g);
    addTo(
      labels,
      Array.from(links, ([, label]) => label as string),
      `${file} link`,
    );
  }
  for (const label of made) labels.delete(label);
  return { metrics, labels };
}

/** Names of samples, and of families: a native histogram goes by its family's name. */
function readScrape(text: string, { metrics, labels }: Served): void {
  for (const line of text.split("\n")) {
    const [, family] = /^# TYPE (\S+) histogram/.exec(line) ?? [];
    if (family !== undefined) metrics.add(family);
    if (line.startsWith("#")) continue;
    const [, name, inBraces = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    metrics.add(name);
    for (const [, label] of inBraces.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) labels.add(label as string);
  }
}

/** Asked twice: what a scrape says of scrapes is about those before it. */
async function scrapeInto(served: Served, url: string): Promise<void> {
  await (await fetch(url)).text();
  readScrape(await (await fetch(url)).text(), served);
}

/** The demo's services, as `npm run demo` starts them, and some requests through all of them. */
async function scrapeDemo(served: Served): Promise<void> {
  const collector = await startCollector();
  const children: ChildProcess[] = [];
  try {
    const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: collector.endpoint };
    const worker = await startService("worker", "worker.mjs", env, children);
    const stock = await startService("stock", "stock.mjs", { ...env, WORKER_PORT: String(worker.port) }, children);
    const shop = await startService("shop", "shop.cjs", { ...env, STOCK_PORT: String(stock.port) }, children);
    for (const path of ["/products/1", "/products/13", "/no/such/page"]) {
      await (await fetch(`http://127.0.0.1:${shop.port}${path}`)).text();
    }
    for (const { metricsUrl } of [worker, stock, shop]) await scrapeInto(served, metricsUrl);
  } finally {
    await stopServices(children);
    collector.close();
  }
}

async function scrapeFixture(served: Served): Promise<void> {
  const app = await startFixture();
  try {
    await scrapeInto(served, app.metricsUrl);
  } finally {
    await app.stop();
  }
}

/** Gauges of a cluster say which worker they are of. */
async function scrapeCluster(served: Served): Promise<void> {
  const app = await runApp({
    app: `${import.meta.dirname}/fixture-cluster.cjs`,
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
  try {
    const urls = app.stderr().matchAll(/metrics at (http\S+?)(?:,|\s)/g);
    for (const url of new Set(Array.from(urls, ([, one]) => one as string))) await scrapeInto(served, url);
  } finally {
    await app.stop();
  }
}

describe("Names on the dashboards and in the rules", () => {
  const used = usedNames();
  const served: Served = { metrics: new Set(OF_PROMETHEUS.metrics), labels: new Set(OF_PROMETHEUS.labels) };

  before(async () => {
    await scrapeDemo(served);
    await scrapeFixture(served);
    await scrapeCluster(served);
  });

  for (const kind of ["metrics", "labels"] as const) {
    test(`Names of ${kind} are ones that redtrail serves`, () => {
      assert.ok(used[kind].size > 30);
      const missing = Array.from(used[kind], ([name, where]) => ({ name, where: [...where] })).filter(
        ({ name }) => !served[kind].has(name),
      );
      assert.deepEqual(missing, []);
    });
  }
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { generatedFiles } from "../../dashboards/generate.ts";
import { type Panel, allPanels, readDashboards, readRuleFile, ruleFiles } from "./sources.ts";

const dashboards = readDashboards();
const drawn = (panel: Panel): boolean => panel.type !== "row";

test("Every dashboard has its own uid and title", () => {
  const all = [...dashboards.values()];
  assert.equal(all.length, 4);
  assert.equal(new Set(all.map(({ uid }) => uid)).size, all.length);
  assert.equal(new Set(all.map(({ title }) => title)).size, all.length);
});

test("Dashboards are what their sources make (node dashboards/generate.ts && npm run fix)", () => {
  for (const [path, dashboard] of generatedFiles()) {
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), JSON.parse(JSON.stringify(dashboard)), basename(path));
  }
});

for (const [name, dashboard] of dashboards) {
  describe(name, () => {
    const panels = allPanels(dashboard);
    const variables = new Set(dashboard.templating.list.map((variable) => variable.name));

    test(`${name} has panels with ids and titles of their own`, () => {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      const titles = panels.filter(drawn).map(({ title }) => title);
      assert.equal(new Set(titles).size, titles.length);
    });

    for (const panel of panels.filter(drawn)) {
      test(`${name}: "${panel.title}" says what it shows, in which unit, from where`, () => {
        assert.ok(panel.title.length > 1);
        assert.match(panel.description ?? "", /\.$/);
        if (panel.type === "traces") {
          assert.deepEqual(panel.datasource, { type: "zipkin", uid: "zipkin" });
          return;
        }
        assert.ok(panel.fieldConfig?.defaults.unit);
        assert.deepEqual(panel.datasource, { type: "prometheus", uid: "${datasource}" });
        assert.ok(panel.targets?.length);
        for (const target of panel.targets) assert.deepEqual(target.datasource, panel.datasource);
        assert.equal(new Set(panel.targets.map(({ refId }) => refId)).size, panel.targets.length);
      });
    }

    test(`${name} lets a data source, a job and a service be chosen, and uses only variables that it has`, () => {
      for (const wanted of ["datasource", "job", "service"]) assert.ok(variables.has(wanted), wanted);
      const text = JSON.stringify(dashboard.panels) + JSON.stringify(dashboard.templating);
      for (const [, used = ""] of text.matchAll(/\$\{?([a-z]\w*)/g)) assert.ok(variables.has(used), used);
    });

    test(`${name} has panels that fit on the grid and lie beside each other`, () => {
      const inGrid = panels.map(({ gridPos }) => gridPos);
      for (const { x, w } of inGrid) assert.ok(x >= 0 && x + w <= 24);
      for (const group of [dashboard.panels, ...panels.map((panel) => panel.panels ?? [])]) {
        for (const [index, one] of group.entries()) {
          const other = group.slice(index + 1).find((each) => overlap(one.gridPos, each.gridPos));
          assert.equal(other, undefined, `${one.title} lies over ${other?.title}`);
        }
      }
    });

    test(`${name} leads to dashboards that there are, with variables that they have`, () => {
      const urls = JSON.stringify(dashboard).matchAll(/"\/d\/([\w-]+)\?[^"]*?var-(\w+)=/g);
      for (const [, uid, variable] of urls) {
        const target = [...dashboards.values()].find((one) => one.uid === uid);
        assert.ok(
          target?.templating.list.some((one) => one.name === variable),
          `${uid} ${variable}`,
        );
      }
    });
  });
}

function overlap(a: Panel["gridPos"], b: Panel["gridPos"]): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

test("Durations of HTTP servers leave aborted requests out, on dashboards and in rules", () => {
  const expressions = [
    ...[...dashboards.values()].flatMap(allPanels).flatMap(({ targets = [] }) => targets.map(({ expr = "" }) => expr)),
    ...ruleFiles()
      .flatMap(readRuleFile)
      .map(({ expr }) => expr),
  ];
  // Of histograms, the classic buckets and sums, and the native histogram itself.
  const selectors = expressions.flatMap((expr) =>
    Array.from(expr.matchAll(/http_server_request_duration_seconds(?:_bucket|_sum)?\{([^}]*)\}/g), ([one]) => one),
  );
  assert.ok(selectors.length > 20);
  for (const selector of selectors) assert.match(selector, /error_type!~"client_aborted\|incomplete_response"/);
});

test("Panels of durations with exemplars show them", () => {
  for (const name of ["red-overview.json", "route-detail.json", "service-detail.json"]) {
    const panels = allPanels(dashboards.get(name) as NonNullable<ReturnType<typeof dashboards.get>>);
    assert.ok(
      panels.some(({ targets = [] }) => targets.some(({ exemplar }) => exemplar === true)),
      name,
    );
  }
});

test("No bound in a rule or on a dashboard is written as a whole number, which Prometheus 3 renames", () => {
  const texts = [JSON.stringify([...dashboards.values()]).replaceAll('\\"', '"')];
  for (const name of ruleFiles()) texts.push(...readRuleFile(name).map(({ expr }) => expr));
  for (const text of texts) assert.doesNotMatch(text, /le="\d+"/);
});

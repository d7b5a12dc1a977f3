// What Prometheus' own tool says of the rules, of their tests, and of every expression on the dashboards.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { lacks } from "../support/servers.ts";
import { withValues } from "../dashboards/grafana-values.ts";
import { readRules } from "../dashboards/rule-file.ts";
import { RULES_FOLDER, allPanels, readDashboards, readRuleFile, ruleFiles } from "../dashboards/sources.ts";

/** Another one, for a try with another version. */
const PROMTOOL = process.env["REDTRAIL_TEST_PROMTOOL"] ?? "promtool";
const isThere = spawnSync(PROMTOOL, ["--version"]).status === 0;
const skip = isThere ? false : lacks("there is no promtool (apt-get install prometheus)");

function promtool(args: readonly string[], cwd: string = RULES_FOLDER): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `promtool ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

describe("promtool", { skip }, () => {
  for (const name of ruleFiles()) {
    test(`promtool accepts ${name}, and finds the rules that our reader finds`, () => {
      const output = promtool(["check", "rules", name]);
      assert.match(output, new RegExp(`SUCCESS: ${readRuleFile(name).length} rules found`));
    });
  }

  for (const name of readdirSync(RULES_FOLDER).filter((file) => file.endsWith(".test.yml"))) {
    test(`promtool runs ${name}`, () => {
      promtool(["test", "rules", name]);
    });
  }

  test("promtool accepts every expression on the dashboards", () => {
    const expressions = [...readDashboards().values()]
      .flatMap(allPanels)
      .flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => (expr === undefined ? [] : [withValues(expr)])));
    const rules = expressions.map((expr, index) => `      - { record: "a:${index}", expr: ${JSON.stringify(expr)} }`);
    const folder = mkdtempSync(join(tmpdir(), "redtrail-dashboards-"));
    try {
      writeFileSync(join(folder, "all.yml"), `groups:\n  - name: all\n    rules:\n${rules.join("\n")}\n`);
      promtool(["check", "rules", "all.yml"], folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("readRules reads records and alerts, in lines and in blocks", () => {
  const yaml = `groups:
  - name: one
    rules:
      - record: a:b
        expr: |
          sum (c)
            / d
      # A comment.
      - alert: E
        expr: f > 1
        for: 5m
        labels: { severity: page, long: 1h }
        annotations:
          summary: "{{ $labels.g }}"
  - name: two
    rules:
      - record: h
        expr: i
`;
  assert.deepEqual(readRules(yaml), [
    { name: "a:b", isAlert: false, expr: "          sum (c)\n            / d", labels: [], summary: "" },
    { name: "E", isAlert: true, expr: "f > 1", labels: ["severity", "long"], summary: '"{{ $labels.g }}"' },
    { name: "h", isAlert: false, expr: "i", labels: [], summary: "" },
  ]);
});

import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../../../src/diagnostics/log.ts";
import { groupFamilies } from "../../../src/exporters/prometheus/families.ts";
import type { Syntax } from "../../../src/exporters/prometheus/format.ts";
import { createNaming } from "../../../src/exporters/prometheus/names.ts";

type Kind = "counter" | "gauge" | "updown" | "histogram" | "exponential";
type Given = readonly [kind: Kind, name: string, unit?: string, description?: string];

const TYPES: Record<Kind, DataPointType> = {
  counter: DataPointType.SUM,
  updown: DataPointType.SUM,
  gauge: DataPointType.GAUGE,
  histogram: DataPointType.HISTOGRAM,
  exponential: DataPointType.EXPONENTIAL_HISTOGRAM,
};

function metric([kind, name, unit = "", description = ""]: Given, points = 1): MetricData {
  return {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: TYPES[kind],
    isMonotonic: kind === "counter",
    dataPoints: Array.from({ length: points }, () => ({})),
  } as unknown as MetricData;
}

interface Grouped {
  /** `type sample` of each family, with how many metrics it has. */
  readonly families: readonly string[];
  readonly warnings: readonly string[];
  readonly helps: readonly string[];
  readonly units: readonly string[];
}

function group({ mock }: TestContext, given: readonly Given[], syntax: Syntax = "text"): Grouped {
  const warnings = new Map<string, string>();
  mock.method(log, "warnSometimes", (key: string, text: string) => warnings.set(key, text));
  const scopeMetrics = given.map((one, index) => ({ scope: { name: `scope ${index}` }, metrics: [metric(one)] }));
  const naming = createNaming("underscoreescapingwithsuffixes", "underscores");
  const families = groupFamilies(scopeMetrics, naming, syntax);
  mock.restoreAll();
  return {
    families: families.map(({ type, sample, members }) => `${type} ${sample} ${members.length}`),
    warnings: Array.from(warnings.values()),
    helps: families.map(({ help }) => help),
    units: families.map(({ unit }) => unit),
  };
}

test("groupFamilies gives each kind of metric its type, sorted by name", (t) => {
  const { families, warnings } = group(t, [
    ["updown", "e"],
    ["counter", "d"],
    ["gauge", "c"],
    ["exponential", "b"],
    ["histogram", "a"],
  ]);
  assert.deepEqual(families, ["histogram a 1", "histogram b 1", "gauge c 1", "counter d_total 1", "gauge e 1"]);
  assert.deepEqual(warnings, []);
});

test("groupFamilies makes one family of all scopes' metrics of a name and type", (t) => {
  const { families, warnings } = group(t, [
    ["counter", "a.b"],
    ["counter", "a_b"],
    ["counter", "a_b_total"],
    ["histogram", "h"],
    ["exponential", "h"],
  ]);
  assert.deepEqual(families, ["counter a_b_total 3", "histogram h 2"]);
  assert.deepEqual(warnings, []);
});

/** Which of two metrics stay, in the syntaxes. */
const conflicts: readonly (readonly [Given, Given, text: number, openmetrics: number, protobuf: number])[] = [
  [["gauge", "a"], ["gauge", "b"], 2, 2, 2],
  // Another type.
  [["gauge", "a"], ["histogram", "a"], 1, 1, 1],
  [["counter", "a"], ["gauge", "a_total"], 1, 1, 1],
  [["gauge", "a_total"], ["counter", "a"], 1, 1, 1],
  // Names that only OpenMetrics gives to both: there a counter is called without `_total`.
  [["gauge", "a"], ["counter", "a"], 2, 1, 2],
  [["counter", "a"], ["gauge", "a"], 2, 1, 2],
  [["histogram", "a"], ["counter", "a"], 2, 1, 2],
  // Names of a histogram's samples.
  [["histogram", "a"], ["gauge", "a_count"], 1, 1, 1],
  [["gauge", "a_count"], ["histogram", "a"], 1, 1, 1],
  [["histogram", "a"], ["gauge", "a.sum"], 1, 1, 1],
  [["histogram", "a"], ["gauge", "a.bucket"], 1, 1, 1],
  [["exponential", "a"], ["gauge", "a.bucket"], 1, 1, 1],
  [["histogram", "a"], ["counter", "a.count"], 2, 1, 2],
  [["histogram", "a"], ["histogram", "a.count"], 1, 1, 1],
  // Names that OpenMetrics' `_created` may have, whether it is written or not.
  [["histogram", "a"], ["gauge", "a.created"], 2, 1, 2],
  [["counter", "a"], ["gauge", "a.created"], 2, 1, 2],
  [["counter", "a"], ["counter", "a.created"], 2, 1, 2],
  // The resource's.
  [["gauge", "b"], ["gauge", "target.info"], 1, 1, 1],
  [["gauge", "b"], ["gauge", "target"], 2, 1, 2],
  // No conflict.
  [["histogram", "a"], ["gauge", "a.max"], 2, 2, 2],
  [["gauge", "a"], ["gauge", "a.count"], 2, 2, 2],
];
for (const [first, second, ...kept] of conflicts) {
  test(`groupFamilies of ${first.join(" ")} and ${second.join(" ")} keeps ${kept.join(", ")}, the first, with one warning`, (t) => {
    for (const [index, syntax] of (["text", "openmetrics", "protobuf"] as const).entries()) {
      const { families, warnings } = group(t, [first, second], syntax);
      assert.equal(families.length, kept[index], syntax);
      assert.equal(warnings.length, 2 - (kept[index] as number));
      if (kept[index] === 2) continue;
      assert.match(
        families[0] as string,
        new RegExp(`^${first[0].replace("exponential", "histogram")} ${first[1].replaceAll(".", "_")}(_total)? 1$`),
      );
      assert.match(
        warnings[0] as string,
        new RegExp(`^metric "${second[1]}" would be "\\w+", .* it is left out of the scrape$`),
      );
    }
  });
}

test("groupFamilies keeps the first unit and the first help that is not empty, with a warning for others", (t) => {
  const given: Given[] = [
    ["gauge", "a_seconds", "s"],
    ["gauge", "a", "s", "First."],
    ["gauge", "a_seconds", "", "Second."],
    ["gauge", "a.seconds", "s", "First."],
  ];
  const { families, helps, units, warnings } = group(t, given, "openmetrics");
  assert.deepEqual(
    { families, helps, units },
    { families: ["gauge a_seconds 4"], helps: ["First."], units: ["seconds"] },
  );
  assert.deepEqual(warnings, [
    'metric "a_seconds" gives "a_seconds" another unit; the first is kept',
    'metric "a_seconds" gives "a_seconds" another description; the first is kept',
  ]);
});

test("groupFamilies leaves out what has no data points, and lets it take no name", (t) => {
  const naming = createNaming("underscoreescapingwithsuffixes", "underscores");
  const metrics = [metric(["gauge", "a"], 0), metric(["counter", "a.total"]), metric(["histogram", "a"])];
  const warned = t.mock.method(log, "warnSometimes", () => {});
  const families = groupFamilies([{ scope: { name: "s" }, metrics }], naming, "text");
  assert.deepEqual(
    families.map(({ type }) => type),
    ["histogram", "counter"],
  );
  assert.equal(warned.mock.callCount(), 0);
});

test("groupFamilies loses of what is no metric only that, with one warning", (t) => {
  const naming = createNaming("underscoreescapingwithsuffixes", "underscores");
  const whole = metric(["gauge", "whole"]);
  const broken = [
    {},
    { ...whole, dataPoints: undefined },
    { ...whole, dataPointType: 99 },
    { ...whole, descriptor: undefined },
    { ...whole, descriptor: { name: "x" } },
    { ...whole, descriptor: { ...whole.descriptor, name: 1 } },
  ];
  const keys = new Set<string>();
  t.mock.method(log, "warnSometimes", (key: string) => keys.add(key));
  const scopeMetrics = [{ scope: { name: "s" }, metrics: [...broken, whole] }] as unknown as ScopeMetrics[];
  for (const syntax of ["text", "openmetrics", "protobuf"] as const) {
    assert.deepEqual(
      groupFamilies(scopeMetrics, naming, syntax).map(({ sample }) => sample),
      ["whole"],
    );
  }
  assert.equal(keys.size, 1);
});

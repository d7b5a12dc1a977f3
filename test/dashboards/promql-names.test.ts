import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { promqlNames, templateLabels, variableQueryNames } from "./promql-names.ts";

/** Expression, metrics, labels, labels that it makes. */
const CASES: readonly (readonly [string, readonly string[], readonly string[], (readonly string[])?])[] = [
  ["up", ["up"], []],
  ["up == 0", ["up"], []],
  ["rate(a_total[5m])", ["a_total"], []],
  ['a{job="x", route=~"$route",code!~"5.."}', ["a"], ["job", "route", "code"]],
  ['{__name__="a", b="c"}', ["a"], ["b"]],
  ['{"a.b", "c.d"="e", f="g"}', ["a.b"], ["c.d", "f"]],
  ['a{b="}",c=\'{d="e"}\'}', ["a"], ["b", "c"]],
  ['a{b="\\"", c=`x"`} # up{d="e"}\n + f', ["a", "f"], ["b", "c"]],
  ["sum by (b, c) (a)", ["a"], ["b", "c"]],
  ["sum(a) by (b)", ["a"], ["b"]],
  ["sum without (b) (a)", ["a"], ["b"]],
  ["topk(10, a)", ["a"], []],
  ["a * on (b, c) group_left (d) e", ["a", "e"], ["b", "c", "d"]],
  ["a / ignoring(b) group_left e", ["a", "e"], ["b"]],
  ["a and on () b or c unless d", ["a", "b", "c", "d"], []],
  ["job:a:rate5m > (14.4 * 0.001)", ["job:a:rate5m"], []],
  ["a offset 5m + b @ start() - c @ 1609746000", ["a", "b", "c"], []],
  ["max_over_time(rate(a[5m])[1h:30s])", ["a"], []],
  ["rate(a[$__rate_interval]) + rate(b[${__range}]) + $c * [[d]]", ["a", "b"], []],
  ["1e3 + 1e-3 * .5 + 0x1F - inf + NaN + a1", ["a1"], []],
  ["histogram_quantile(0.95, sum by (le) (rate(a_bucket[1h30m])))", ["a_bucket"], ["le"]],
  ['label_replace(a{x="y"}, "made", "$1", "read", "(.*)")', ["a"], ["x", "read"], ["made"]],
  ['label_join(rate(a[5m]), "made", "-", "b", "c")', ["a"], ["b", "c"], ["made"]],
  ['label_replace(label_replace(a, "m", "$1", "n", ""), "o", "", "p", "")', ["a"], ["n", "p"], ["m", "o"]],
  ['count_values("version", a)', ["a"], [], ["version"]],
  ["a == bool b", ["a", "b"], []],
  ["sum_over_time(count(count) [1h:])", ["count"], []],
];

describe("promqlNames", () => {
  for (const [expression, metrics, labels, made = []] of CASES) {
    test(`promqlNames reads ${JSON.stringify(expression)}`, () => {
      const names = promqlNames(expression);
      assert.deepEqual([...names.metrics].toSorted(), metrics.toSorted());
      assert.deepEqual([...names.labels].toSorted(), labels.toSorted());
      assert.deepEqual([...names.madeLabels].toSorted(), made.toSorted());
    });
  }

  for (const expression of ["a{b", "rate(a[5m)", "sum by (a", "a ; b", 'a{b="c}']) {
    test(`promqlNames refuses ${expression}`, () => {
      assert.throws(() => promqlNames(expression), Error);
    });
  }
});

test("variableQueryNames reads a variable's metric, matchers and label", () => {
  const names = variableQueryNames('label_values(a{b=~"$b", c="d"}, e)');
  assert.deepEqual([...names.metrics], ["a"]);
  assert.deepEqual([...names.labels], ["b", "c", "e"]);
  assert.deepEqual([...variableQueryNames("label_values(job)").labels], ["job"]);
});

test("templateLabels reads legends and annotations, and no functions", () => {
  assert.deepEqual(templateLabels("{{a}} x {{ b }}"), ["a", "b"]);
  assert.deepEqual(templateLabels("{{ $labels.a }}: {{ $value | humanizeDuration }}"), ["a"]);
});

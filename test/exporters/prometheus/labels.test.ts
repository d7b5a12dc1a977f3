import assert from "node:assert/strict";
import test from "node:test";
import type { Attributes } from "@opentelemetry/api";
import { labelPairs, scopeAttributes } from "../../../src/exporters/prometheus/labels.ts";
import { createNaming } from "../../../src/exporters/prometheus/names.ts";

const naming = createNaming("underscoreescapingwithsuffixes", "underscores");

function pairs(...sources: readonly Attributes[]): string {
  return labelPairs(naming, ...sources)
    .map((pair) => pair.join("="))
    .join(",");
}

test("labelPairs joins the values of keys that become one name, in the order of the keys", () => {
  assert.equal(pairs({ a_b: "2", "a.b": "1", c: "x" }), "a_b=1;2,c=x");
  assert.equal(pairs({ "a/b": "3", a_b: "2", "a.b": "1" }), "a_b=1;3;2");
  assert.equal(pairs({ otel_scope_name: "ours" }, { otel_scope_name: "the app's" }), "otel_scope_name=ours;the app's");
  assert.equal(pairs({ le: "1", exported_le: "2" }), "exported_le=2;1");
});

test("labelPairs joins nothing where names may be as they are", () => {
  const utf8 = createNaming("notranslation", "allow-utf-8");
  assert.deepEqual(labelPairs(utf8, { a_b: "2", "a.b": "1" }), [
    ["a.b", "1"],
    ["a_b", "2"],
  ]);
});

test("labelPairs joins keys that are the same once they are Unicode", () => {
  const utf8 = createNaming("notranslation", "allow-utf-8");
  assert.deepEqual(labelPairs(utf8, { "\udfff": "2", "\ud800": "1" }), [["\ufffd", "1;2"]]);
});

test("labelPairs is the same for what is one series to Prometheus", () => {
  assert.equal(pairs({ "a.b": "1", a_a: "2" }), pairs({ a_b: "1", "a.a": "2" }));
  assert.equal(pairs({ a: "1", empty: "" }), pairs({ a: "1" }));
  assert.equal(pairs({ a: "", b: [] }), "b=[]");
});

test("labelPairs sorts by name, whatever the order of keys and sources", () =>
  assert.equal(pairs({ z: "1", b: "2" }, { a: "3" }), "a=3,b=2,z=1"));

test("labelPairs mends what is not Unicode, and leaves everything else to who writes it", () => {
  assert.equal(pairs({ a: 'b\\ "q"\n', b: "lone \ud800", c: "nul \0" }), 'a=b\\ "q"\n,b=lone \ufffd,c=nul \ufffd');
});

test("labelPairs writes values that are no strings, and throws at none", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const untold = Object.assign(() => {}, { toString: () => assert.fail() });
  const hostile = { a: 1, b: true, c: ["x", 2, null], d: undefined, e: null, f: 10n, g: circular, h: untold };
  assert.equal(
    pairs(hostile as unknown as Attributes),
    'a=1,b=true,c=["x",2,null],f=10,g=[object Array],h=[object Function]',
  );
});

test("labelPairs takes keys that objects have of themselves", () => {
  const attributes = Object.fromEntries(["__proto__", "constructor", "toString"].map((key) => [key, key]));
  assert.equal(pairs(attributes), "constructor=constructor,exported_proto_=__proto__,toString=toString");
});

test("scopeAttributes says name, version, schema and attributes of a scope, and no more than there is", () => {
  assert.deepEqual(scopeAttributes({ name: "lib" }), { otel_scope_name: "lib" });
  assert.deepEqual(scopeAttributes({ name: "lib", version: "", schemaUrl: "" }), { otel_scope_name: "lib" });
  assert.deepEqual(
    scopeAttributes({ name: "lib", version: "1", schemaUrl: "https://x", attributes: { team: "a", name: "not this" } }),
    {
      otel_scope_name: "lib",
      otel_scope_version: "1",
      otel_scope_schema_url: "https://x",
      otel_scope_team: "a",
    },
  );
});

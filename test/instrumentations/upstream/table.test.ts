import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { UPSTREAM } from "../../../instrumentations/upstream/table.ts";
import { loadUpstreamInstrumentation } from "../../../src/lazy.ts";

for (const { name, packages, defaults = {}, options } of UPSTREAM) {
  test(`upstream's ${name} is for the packages that its row names, and has what redtrail uses of it`, () => {
    const instrumentation = new (loadUpstreamInstrumentation(name))({ ...defaults, enabled: false });
    const names = instrumentation.getModuleDefinitions().map((definition) => definition.name);
    assert.deepEqual([...new Set(names)].toSorted(), packages.toSorted());
    assert.ok(Array.isArray(instrumentation._hooks));
    assert.equal(typeof instrumentation._wrap, "function");
    assert.equal(typeof instrumentation._onRequire, "function");
    // Functions cannot be written in a variable.
    const writable = Object.keys(defaults).filter((option) => typeof defaults[option] !== "function");
    for (const option of writable) assert.ok(options.includes(option), option);
  });
}

test("docs/instrumentations.md tells of each row: its default, and its options", () => {
  const docs = readFileSync(new URL("../../../docs/instrumentations.md", import.meta.url), "utf8");
  for (const { name, options, isOffByDefault = false } of UPSTREAM) {
    const [row = "", optionsRow = ""] = docs.split("\n").filter((line) => line.startsWith(`| \`${name}\` |`));
    assert.equal(row.split(" | ")[2], isOffByDefault ? "off" : "on", name);
    assert.deepEqual(
      [...(optionsRow.split(" | ")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, option]) => option),
      options,
    );
  }
});

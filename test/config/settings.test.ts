import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { defaultValue, parseSetting } from "../../src/config/parse.ts";
import { readConfig } from "../../src/config/read.ts";
import { PASSED_THROUGH, SETTINGS, SETTING_GROUPS, type Setting } from "../../src/config/settings.ts";

const rows = SETTING_GROUPS.flatMap(({ settings }) => settings);

test("Every setting has a name of its own and a sentence that says what it means", () => {
  assert.equal(SETTINGS.size, rows.length);
  for (const { name, doc } of rows) {
    assert.match(name, /^(OTEL|REDTRAIL)_[A-Z0-9_]+$/);
    assert.match(doc, /\.$/, name);
  }
});

test("Every default is what its own parser makes of it", () => {
  for (const row of rows) {
    if (row.default === undefined) continue;
    // The instrumentations' names come from elsewhere.
    const setting = row.default === "all" ? { ...row, values: ["all"] } : row;
    assert.deepEqual(parseSetting(setting, row.default), { value: defaultValue(setting), problems: [] }, row.name);
  }
});

test("No setting is passed through to upstream by its whole name", () => {
  for (const name of PASSED_THROUGH.names) assert.ok(!SETTINGS.has(name), name);
});

/** A value that is neither the default nor a problem. */
function otherValue({ name, type, values = [], default: text }: Setting): string {
  if (name.endsWith("_INSTRUMENTATIONS")) return "express";
  if (type === "boolean") return text === "true" ? "false" : "true";
  if (type === "choice" || type === "list")
    return values.find((value) => value !== text && value !== "native") as string;
  const texts: Record<string, string> = {
    REDTRAIL_MESSAGING_MODE: "link,kafka=both",
    REDTRAIL_RED_EXCLUDE: "kind:server",
    REDTRAIL_RED_ERRORS: "server:429",
  };
  if (name === "REDTRAIL_RED_LABEL_LIMITS") return "a=1";
  if (name === "REDTRAIL_TRACE_STORE_URL") return "memory:";
  if (name === "REDTRAIL_SAMPLING_RULES") return "drop path=/";
  return {
    integer: "7",
    ratio: "0.5",
    urls: "http://zipkin/",
    pairs: "a=b",
    text: "name",
    texts: texts[name] ?? "a",
    numbers: "0.3",
  }[type];
}

/** What has keys of the user's. */
const MAPS = new Set([
  ".resourceAttributes",
  ".messaging.modes",
  ".red.labelLimits",
  ".prometheus.tls",
  ".traceStore.address",
  ".traceStore.tls",
]);

/** Every value in a configuration by its path; a list or map is one value. */
function leaves(value: unknown, path = ""): [string, string][] {
  const isBranch = typeof value === "object" && value !== null && !Array.isArray(value) && !MAPS.has(path);
  if (!isBranch) return [[path, typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "undefined")]];
  return Object.entries(value).flatMap(([key, one]) => leaves(one, `${path}.${key}`));
}

test("Every setting changes the configuration, and every field of the configuration comes from a setting", () => {
  const names = ["http", "express"];
  const before = new Map(leaves(readConfig({}, names).config));
  const reached = new Set<string>();
  for (const row of rows) {
    const after = leaves(readConfig({ [row.name]: otherValue(row) }, names).config);
    const changed = after.filter(([path, value]) => before.get(path) !== value);
    assert.notEqual(changed.length, 0, `${row.name}="${otherValue(row)}" changes nothing`);
    for (const [path] of changed) reached.add(path);
  }
  assert.deepEqual(
    [...before.keys()].filter((path) => !reached.has(path)),
    [],
  );
});

test("README's table of settings is in step with the table in src/config/settings.ts", () => {
  const script = fileURLToPath(new URL("../../scripts/docs.ts", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

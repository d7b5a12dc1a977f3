// docs/plugins.md tells of every member of the host and of the kit, and its first example runs.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { PluginInstrumentation } from "../../src/index.ts";
import { startTestKit } from "../../src/testing.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const text = readFileSync(join(root, "docs/plugins.md"), "utf8");

test("docs/plugins.md has every member of the host, of a plug-in and of the kit", async () => {
  let members: string[] = [];
  const kit = startTestKit({
    plugins: [{ instrumentations: [{ name: "a", start: (host) => void (members = Object.keys(host)) }] }],
  });
  await kit.stop();
  const parts = ["propagators", "samplers", "spanProcessors", "spanExporters", "metricExporters", "resourceDetectors"];
  assert.ok(members.length > 10);
  for (const name of [...members, ...parts, ...Object.keys(kit)]) {
    if (name !== "name") assert.match(text, new RegExp(`\\b${name}\\b[(:\`.]`), name);
  }
});

test("The first example of docs/plugins.md instruments what it says", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-docs-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/redtrail"));
  const [, snippet = ""] = /```js\n(import \{ defineInstrumentation[^]*?)```/.exec(text) ?? [];
  writeFileSync(join(folder, "index.mjs"), snippet);
  const plugin = (await import(pathToFileURL(join(folder, "index.mjs")).href)) as { default: PluginInstrumentation };
  const kit = startTestKit({ plugins: [plugin.default], env: { REDTRAIL_INSTRUMENTATION_MY_LIB_SHOW_TEXT: "true" } });
  class Client {
    async query(sql: string): Promise<string> {
      return sql;
    }
  }
  kit.load("my-lib", { Client });
  assert.equal(await kit.inSpan("request", () => new Client().query("select 1")), "select 1");
  assert.equal(kit.tree(), "INTERNAL request\n  CLIENT my-lib query");
  assert.equal(kit.spans()[1]?.attributes["db.query.text"], "select 1");
  await kit.stop();
});

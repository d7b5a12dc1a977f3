// An instrumentation of OpenTelemetry's that fails, wherever it does: the app goes on as without it, and hears of it in one line.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { FIXTURES, PRELOAD, runToEnd } from "../support/run-app.ts";

/** A package of the name that the instrumentation waits for. */
const LIBRARY = `
let calls = 0;
exports.work = (value) => {
  calls++;
  if (value === "throw") throw new RangeError("the app's own");
  return value === "promise" ? Promise.resolve("kept") : value === "rejection" ? Promise.reject(new RangeError("the app's own")) : value;
};
exports.later = (callback) => setImmediate(() => callback("called back"));
exports.calls = () => calls;
`;
const APP = `
const { work, later, calls } = require("generic-pool");
(async () => {
  const told = (error) => error.name + " " + error.message;
  const seen = [work("value")];
  try {
    work("throw");
  } catch (error) {
    seen.push(told(error));
  }
  seen.push(await work("promise"), await work("rejection").catch(told), await new Promise(later), calls());
  console.log(JSON.stringify(seen));
})();
`;

describe("a broken instrumentation", { concurrency: 4 }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "redtrail-broken-"));
    cpSync(dirname(PRELOAD), join(folder, "dist"), { recursive: true });
    cpSync(join(FIXTURES, "broken-upstream.cjs"), join(folder, "dist/upstream/generic-pool.cjs"));
    const library = join(folder, "node_modules/generic-pool");
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, "package.json"), '{ "name": "generic-pool", "version": "3.9.0" }');
    writeFileSync(join(library, "index.js"), LIBRARY);
    writeFileSync(join(folder, "app.js"), APP);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [mode, lines] of [
    ["nowhere", 0],
    ...["load", "constructor", "enable", "patch", "wrap"].map((mode) => [mode, 1] as const),
    ...["before", "while", "after", "promise", "callback"].map((mode) => [mode, 1] as const),
  ] as const) {
    test(`that fails ${mode} leaves the app as it is`, async () => {
      const { code, stdout, stderr } = await runToEnd({
        app: join(folder, "app.js"),
        nodeArgs: ["--require", join(folder, "dist/register.cjs")],
        env: { BROKEN: mode, OTEL_NODE_ENABLED_INSTRUMENTATIONS: "generic-pool", OTEL_TRACES_EXPORTER: "none" },
      });
      const expected = ["value", "RangeError the app's own", "kept", "RangeError the app's own", "called back", 4];
      assert.deepEqual(JSON.parse(stdout), expected);
      assert.equal(code, 0);
      assert.equal(stderr.match(/^redtrail: .*broken.*/gm)?.length ?? 0, lines, stderr);
    });
  }
});

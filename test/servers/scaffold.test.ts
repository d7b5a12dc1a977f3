// A new user, from the packed tarball in an empty folder: writes an instrumentation of a real library from the scaffold, in under 40
// lines, and sees its spans.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { installPacked } from "../support/packed-app.ts";
import { runToEnd } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

const APP = `
import Keyv from "keyv";
const store = new Keyv();
await store.set("a", 1);
console.log(await store.get("a"));
`;

test("npx redtrail new instrumentation keyv leads to spans of keyv in under 40 lines", async () => {
  const app = installPacked("keyv@5.5.3");
  const zipkin = await startZipkin();
  try {
    const npx = (...args: string[]): string =>
      execFileSync("npx", ["--no-install", "redtrail", ...args], { cwd: app.folder, encoding: "utf8" });
    assert.match(npx("help"), /new instrumentation NAME/);
    assert.match(npx("new", "instrumentation", "keyv", "--esm"), /^instrumentation-keyv is written/);
    const folder = join(app.folder, "instrumentation-keyv");
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const tested = execFileSync(process.execPath, ["--test"], { cwd: folder, encoding: "utf8", env });
    assert.match(tested, /pass 2\n[^]*fail 0\n/);

    // What the user does: `call` becomes the methods of the library's class.
    const scaffold = readFileSync(join(folder, "index.js"), "utf8");
    const before = scaffold.slice(scaffold.indexOf("      // Replace"), scaffold.indexOf("    });\n  },\n});"));
    const written = scaffold.replace(
      before,
      `      for (const method of ["get", "set"]) {
        host.wrap(library.Keyv.prototype, method, (original) =>
          function (...args) {
            const attributes = { "db.system.name": "keyv", "db.operation.name": method, "db.query.text": String(args[0]) };
            return host.client(\`keyv \${method}\`, { attributes }, () => original.apply(this, args));
          },
        );
      }
`,
    );
    assert.notEqual(written, scaffold);
    assert.ok(written.trimEnd().split("\n").length < 40);
    app.write("instrumentation-keyv/index.js", written);
    app.write("app.mjs", APP);
    const { code, stdout, stderr } = await runToEnd({
      app: ["app.mjs"],
      cwd: app.folder,
      nodeArgs: ["--require", "redtrail/register"],
      env: { REDTRAIL_PLUGINS: "./instrumentation-keyv", OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint },
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "1\n");
    const spans = await zipkin.waitFor((all) => all.length === 2);
    assert.deepEqual(
      spans.map(({ name, kind, tags }) => [name, kind, tags["db.operation.name"]]),
      [
        ["keyv set", "CLIENT", "set"],
        ["keyv get", "CLIENT", "get"],
      ],
    );
  } finally {
    await zipkin.close();
    app.remove();
  }
});

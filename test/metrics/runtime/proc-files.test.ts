import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import test, { type TestContext } from "node:test";
import { openFiles, threads } from "../../../src/metrics/runtime/proc-files.ts";
import type { Source } from "../../../src/metrics/runtime/source.ts";

interface Kernel {
  readonly size: number;
  readonly nlink: number;
  readonly listed?: readonly string[] | Error;
}

/** A Linux that says this of its folders; `lists` counts how often it is asked for a list. */
function pretend(t: TestContext, { size, nlink, listed = [] }: Kernel): { lists: () => number } {
  t.mock.method(fs, "statSync", () => ({ size, nlink }));
  const readdir = t.mock.method(
    fs,
    "readdir",
    (_path: string, done: (error: Error | null, names?: unknown) => void) => {
      if (listed instanceof Error) done(listed);
      else done(null, listed);
    },
  );
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return { lists: () => readdir.mock.callCount() };
}

function read(source: Source, nowMs: number): unknown {
  source.read?.({ nowMs, elder: 0, emptied: undefined });
  return source.metrics[0]?.dataPoints[0]?.value;
}

test("openFiles takes the count from the folder's size, and lists nothing", (t) => {
  const { lists } = pretend(t, { size: 42, nlink: 2 });
  assert.equal(read(openFiles(), 20_000), 42);
  assert.equal(lists(), 0);
});

test("openFiles lists the folder where it has no size, at most every ten seconds", (t) => {
  const { lists } = pretend(t, { size: 0, nlink: 2, listed: ["0", "1", "2", "3"] });
  const source = openFiles();
  assert.equal(read(source, 20_000), 3);
  read(source, 29_999);
  assert.equal(lists(), 1);
  read(source, 30_000);
  assert.equal(lists(), 2);
});

test("openFiles says nothing where the folder cannot be listed", (t) => {
  pretend(t, { size: 0, nlink: 2, listed: new Error("EMFILE") });
  assert.equal(read(openFiles(), 20_000), undefined);
});

test("threads counts the links of the folder, and says nothing where there are none", (t) => {
  pretend(t, { size: 0, nlink: 13 });
  assert.equal(read(threads(), 0), 11);
  pretend(t, { size: 0, nlink: 2 });
  assert.equal(read(threads(), 0), undefined);
});

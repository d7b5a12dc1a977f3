import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { makeFolder } from "../src/make-folder.ts";

const root = mkdtempSync(join(tmpdir(), "redtrail-folders-"));
after(() => rmSync(root, { recursive: true, force: true }));

test("makeFolder makes what is missing, with the mode, and leaves what is there", () => {
  const folder = join(root, "a/b/c/");
  for (let time = 0; time < 2; time++) makeFolder(folder, 0o700);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(root, "a")).mode & 0o777, 0o700);
});

// A test of Node's own `recursive` would not end.
test("makeFolder ends where the system makes no folder", { skip: !existsSync("/proc/self") }, () => {
  for (const folder of ["/proc/x", "/proc/x/y/z"]) assert.throws(() => makeFolder(folder, 0o700), { code: "ENOENT" });
});

test("makeFolder ends where something else is in the way", () => {
  writeFileSync(join(root, "file"), "");
  symlinkSync(join(root, "nowhere"), join(root, "link"));
  assert.throws(() => makeFolder(join(root, "file"), 0o700), { code: "EEXIST" });
  assert.throws(() => makeFolder(join(root, "file/below"), 0o700), { code: "ENOTDIR" });
  for (const folder of ["link", "link/below"])
    assert.throws(() => makeFolder(join(root, folder), 0o700), { code: "ENOENT" });
});

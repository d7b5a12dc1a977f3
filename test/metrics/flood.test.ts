// A million distinct names, routes, methods, hosts and user agents, in a process of its own whose memory is looked at.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FIXTURE = fileURLToPath(new URL("../fixtures/flood.mjs", import.meta.url));
/** With all limits at their defaults; seen: 5. */
const MOST_MB = 20;

test("A flood grows no memory beyond its bound, hides no error of a known route, and loses no count", (t) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", FIXTURE], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout) as Record<string, number> & { expected: Record<string, number> };
  const { server, client, calls, expected, errors, knownErrors, grownMb = Infinity } = found;
  t.diagnostic(stdout.trim());
  assert.deepEqual({ server, client, calls }, expected);
  assert.equal(knownErrors, errors);
  assert.ok(grownMb < MOST_MB, `${grownMb} MB`);
  assert.ok((found["capped"] ?? 0) > 0);
  // Each limit that was met is said once, in a line.
  const lines = stderr.trim().split("\n");
  assert.equal(new Set(lines).size, lines.length);
  assert.ok(
    lines.every((line) => line.startsWith("redtrail: ")),
    stderr,
  );
});

const TEXT_FIXTURE = fileURLToPath(new URL("flood-of-text.mjs", import.meta.url));
/** 5,000 texts of 100 KB: a label that were a slice would keep the whole of each of its values, some hundred MB. Seen: 12. */
const MOST_MB_OF_TEXT = 20;

for (const [title, families] of [
  ["all metrics", undefined],
  ["http alone", ["http"]],
] as const) {
  test(`A flood of long texts is not kept in memory, and hides no known route: ${title}`, (t) => {
    const more = families === undefined ? [] : [JSON.stringify(families)];
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", TEXT_FIXTURE, ...more], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    t.diagnostic(stdout.trim());
    const { grownMb, counted, expected, known } = JSON.parse(stdout) as Record<string, unknown>;
    assert.ok((grownMb as number) < MOST_MB_OF_TEXT, `${String(grownMb)} MB`);
    assert.equal(counted, expected);
    assert.deepEqual(known, [
      [200, 2_503],
      [500, 2_500],
    ]);
  });
}

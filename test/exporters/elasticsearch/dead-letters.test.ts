import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, mock, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { log } from "../../../src/diagnostics/log.ts";
import { DeadLetterFile } from "../../../src/exporters/elasticsearch/dead-letters.ts";

const folder = mkdtempSync(join(tmpdir(), "redtrail-dead-"));
after(() => rmSync(folder, { recursive: true }));

const LETTER = { reason: "400", detail: 'failed to parse "x"', action: '{"create":{}}', document: '{"a":1}' };

test("DeadLetterFile writes lines that can be read, and keeps its bound with one older file", async () => {
  const file = join(folder, "dead.ndjson");
  const letters = new DeadLetterFile(file, 500);
  for (let i = 0; i < 20; i++) {
    letters.add(LETTER);
    await wait(5);
  }
  const lines = [`${file}.1`, file].flatMap((one) => readFileSync(one, "utf8").trim().split("\n"));
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { time, ...rest } of parsed) {
    assert.ok(!Number.isNaN(Date.parse(String(time))));
    assert.deepEqual(rest, { ...LETTER, action: { create: {} }, document: { a: 1 } });
  }
  assert.ok(statSync(file).size <= 500 && statSync(`${file}.1`).size <= 500);
});

test("DeadLetterFile says that it cannot write, and throws nothing", async () => {
  const warn = mock.method(log, "warnSometimes", () => {});
  new DeadLetterFile(join(folder, "none", "dead.ndjson")).add(LETTER);
  while (warn.mock.callCount() === 0) await wait(5);
  assert.match(String(warn.mock.calls[0]?.arguments[1]), /cannot be written \(ENOENT\)/);
});

import assert from "node:assert/strict";
import test from "node:test";
import { SpanKind } from "@opentelemetry/api";
import { LiveSpans } from "../../src/metrics/live-spans.ts";
import { NOW_S, span } from "./span.ts";

const { SERVER, CLIENT } = SpanKind;

function read(live: LiveSpans, kind: SpanKind, nowS = NOW_S): { count: number; oldestS: number } {
  const one = live.read(nowS).find((row) => row.kind === kind);
  assert.ok(one !== undefined);
  return { count: one.count, oldestS: one.oldestS };
}

test("LiveSpans.read gives every kind of request, at zero where none lives", () => {
  assert.deepEqual(
    new LiveSpans().read(NOW_S).map(({ kind, count, oldestS }) => [SpanKind[kind], count, oldestS]),
    ["SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map((kind) => [kind, 0, 0]),
  );
});

test("LiveSpans tells the oldest of each kind, and a younger one once it has ended", () => {
  const live = new LiveSpans();
  const old = span({ startS: NOW_S - 60 });
  live.start(old);
  live.start(span({ startS: NOW_S - 5 }));
  live.start(span({ kind: CLIENT, startS: NOW_S - 7 }));
  assert.deepEqual(read(live, SERVER), { count: 2, oldestS: 60 });
  assert.deepEqual(read(live, CLIENT), { count: 1, oldestS: 7 });
  live.end(old);
  assert.deepEqual(read(live, SERVER), { count: 1, oldestS: 5 });
});

test("LiveSpans gives the place of an ended span to the next one", () => {
  const live = new LiveSpans();
  for (let i = 0; i < 30_000; i++) {
    const one = span({ startS: NOW_S - 1 });
    live.start(one);
    live.end(one);
  }
  live.start(span({ startS: NOW_S - 9 }));
  assert.deepEqual(read(live, SERVER), { count: 1, oldestS: 9 });
});

test("LiveSpans watches 10,000 spans, and counts the ones beyond", () => {
  const live = new LiveSpans();
  const watched = Array.from({ length: 10_000 }, () => span({ startS: NOW_S - 1 }));
  const beyond = span({ startS: NOW_S - 99 });
  for (const one of watched) live.start(one);
  live.start(beyond);
  assert.deepEqual(read(live, SERVER), { count: 10_001, oldestS: 1 });
  live.end(beyond);
  live.end(watched[0] as never);
  // Its place is free again.
  live.start(span({ startS: NOW_S - 50 }));
  assert.deepEqual(read(live, SERVER), { count: 10_000, oldestS: 50 });
});

test("LiveSpans forgets a span of more than six hours, and its end takes no other's place", () => {
  const live = new LiveSpans();
  const forgotten = span({ startS: NOW_S - 6 * 3600 });
  live.start(forgotten);
  assert.equal(read(live, SERVER).oldestS, 6 * 3600);
  assert.equal(read(live, SERVER, NOW_S + 1).oldestS, 0);
  const next = span({ startS: NOW_S });
  live.start(next);
  live.end(forgotten);
  assert.deepEqual(read(live, SERVER, NOW_S + 3), { count: 1, oldestS: 3 });
  live.end(next);
  assert.deepEqual(read(live, SERVER), { count: 0, oldestS: 0 });
});

for (const startS of [Number.NaN, Infinity, -Infinity, NOW_S + 100]) {
  test(`LiveSpans gives a span that began at ${startS} no age, and hides no other's`, () => {
    const live = new LiveSpans();
    const odd = span({ startS });
    live.start(odd);
    live.start(span({ startS: NOW_S - 5 }));
    assert.deepEqual(read(live, SERVER), { count: 2, oldestS: 5 });
    live.end(odd);
    assert.deepEqual(read(live, SERVER), { count: 1, oldestS: 5 });
  });
}

test("LiveSpans counts what ends without having begun as none, and not below", () => {
  const live = new LiveSpans();
  live.end(span());
  assert.equal(read(live, SERVER).count, 0);
});

// Hostile sets of headers through every propagator: nothing throws, what comes out Node would send, nothing is kept.
// A tenth of a million here; test/servers/propagators-fuzz.test.ts asks for the whole.
import assert from "node:assert/strict";
import { validateHeaderName, validateHeaderValue } from "node:http";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  ROOT_CONTEXT,
  TraceFlags,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  trace,
} from "@opentelemetry/api";
import type { PropagatorName } from "../../src/config/config.ts";
import { readConfig } from "../../src/config/read.ts";
import { createPropagator } from "../../src/propagators/index.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { createRandom } from "../support/random.ts";

const INPUTS = Number(process.env["REDTRAIL_FUZZ_INPUTS"] ?? 100_000);

const { config } = readConfig({}, []);
const propagators = (SETTINGS.get("OTEL_PROPAGATORS")?.values as PropagatorName[]).filter((name) => name !== "none");
const propagator = createPropagator({ ...config, propagators }, "fuzz");

const T = "0af7651916cd43dd8448eb211c80319c";
const S = "b7ad6b7169203331";
/** Each header with a value that is as it should be. */
const GOOD: readonly (readonly [name: string, value: string])[] = [
  ["traceparent", `00-${T}-${S}-01`],
  ["tracestate", "foo=1,bar@baz=2"],
  ["baggage", "user=alice;p=1,tenant=x%20y"],
  ["b3", `${T}-${S}-1-${S}`],
  ["x-b3-traceid", T],
  ["x-b3-spanid", S],
  ["x-b3-sampled", "1"],
  ["x-b3-flags", "1"],
  ["x-amzn-trace-id", `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${S};Sampled=1`],
  ["uber-trace-id", `${T}:${S}:0:1`],
  ["uberctx-user", "a%20b"],
  ["uberctx-__proto__", "x"],
  ["ot-tracer-traceid", T],
  ["ot-tracer-spanid", S],
  ["ot-tracer-sampled", "true"],
  ["ot-baggage-user", "a"],
  ["x-trace-id", "0af76519-16cd-43dd-8448-eb211c80319c"],
  ["x-span-id", S],
  ["x-parent-span-id", S],
  ["x-sampled", "0"],
  ["x-peer-service", "shop"],
  ["x-peer-host", "shop-1"],
  ["x-peer-port", "8080"],
  ["x-request-id", "7b0d6f3a-6c1e-4b7d-9a9c-0d5c1e2f3a4b"],
  ["x-correlation-id", "abc"],
];
const PIECES = [
  ...[
    "",
    " ",
    "\t",
    "-",
    "--",
    ":",
    ";",
    "=",
    ",",
    "%",
    "%zz",
    "%0d%0a",
    "%00",
    "é",
    "\u{1f4a9}",
    "\ud800",
    "\u0000",
    "\r\nx: y",
  ],
  ...[
    "<script>",
    "__proto__",
    "constructor",
    "00",
    "ff",
    "0".repeat(32),
    "f".repeat(300),
    ",".repeat(200),
    "a=b,".repeat(70),
  ],
];

type Random = (below: number) => number;

/** Cut, doubled, in another case, or with something in it that does not belong there. */
function spoilt(value: string, random: Random): string {
  const at = random(value.length + 1);
  const piece = PIECES[random(PIECES.length)] as string;
  switch (random(6)) {
    case 0:
      return value.slice(0, at) + piece + value.slice(at);
    case 1:
      return value.slice(0, at) + piece + value.slice(at + 1 + random(4));
    case 2:
      return value.slice(at);
    case 3:
      return `${value}, ${value}`;
    case 4:
      return value.toUpperCase();
    default:
      return piece;
  }
}

function hostileHeaders(random: Random): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (let count = 1 + random(6); count > 0; count--) {
    const [name, value] = GOOD[random(GOOD.length)] as readonly [string, string];
    const given = random(3) === 0 ? value : spoilt(value, random);
    headers[name] = random(20) === 0 ? [given, spoilt(value, random)] : random(500) === 0 ? 7 : given;
  }
  return headers;
}

test(`${INPUTS} hostile sets of headers: no throw, no header out that Node would not send, no growth`, () => {
  const random = createRandom(7);
  let heapAtHalf = 0;
  let extracted = 0;
  for (let input = 0; input < INPUTS; input++) {
    const headers = hostileHeaders(random);
    const context = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const parent = trace.getSpanContext(context);
    if (parent !== undefined) {
      extracted++;
      if (!isSpanContextValid(parent) || parent.traceFlags > TraceFlags.SAMPLED) assert.fail(JSON.stringify(headers));
    }
    const sent: Record<string, string> = {};
    propagator.inject(context, sent, defaultTextMapSetter);
    for (const name in sent) {
      validateHeaderName(name);
      validateHeaderValue(name, sent[name] as string);
    }
    if (input === INPUTS / 2) heapAtHalf = usedHeap();
  }
  const grown = usedHeap() - heapAtHalf;
  assert.ok(extracted > INPUTS / 10, `only ${extracted} had a trace: the inputs are too far from real ones`);
  assert.ok(grown < 4e6, `${grown} bytes more after the second half`);
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function usedHeap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

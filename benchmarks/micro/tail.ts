// In a process of its own: what decisions at the end of a request cost. `node tail.ts CASE`; prints `@@{"ns":...}@@`, of one request
// of three spans: SERVER, INTERNAL below it, CLIENT below that.
import { ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { TailSamplingSpanProcessor } from "../../src/processors/tail-sampling.ts";
import { createSampling } from "../../src/sampling/index.ts";
import { type SamplingRule, parseSamplingRule } from "../../src/sampling/rules.ts";

const OPERATIONS = 100_000;
const ROUNDS = 9;
const BY_ROUTE = parseSamplingRule("drop route=/healthz") as SamplingRule;

const CASES: Readonly<Record<string, { ratio: number; keeps: boolean; rules: readonly SamplingRule[] }>> = {
  "not sampled": { ratio: 0, keeps: false, rules: [] },
  "not sampled, kept if failed or slow": { ratio: 0, keeps: true, rules: [] },
  sampled: { ratio: 1, keeps: false, rules: [] },
  "sampled, kept if failed or slow": { ratio: 1, keeps: true, rules: [] },
  "sampled, if its route is not dropped": { ratio: 1, keeps: false, rules: [BY_ROUTE] },
};

const given = CASES[process.argv[2] ?? ""];
if (given === undefined) throw new Error(`no such case; there are ${Object.keys(CASES).join("; ")}`);
const { ratio, keeps, rules } = given;
const { sampler, tail } = createSampling(
  {
    sampler: "parentbased_traceidratio",
    samplerRatio: ratio,
    sampling: {
      ...{ rules, perSecond: undefined, maxWaitingSpans: 10_000 },
      ...{ keepErrors: keeps ? "any" : "none", keepSlowMs: keeps ? 1_000 : undefined },
    },
  },
  { feedsMetrics: true, exportsSpans: true },
);
const nothing: SpanProcessor = {
  onStart: () => {},
  onEnd: () => {},
  forceFlush: async () => {},
  shutdown: async () => {},
};
const spanProcessors = [tail === undefined ? nothing : new TailSamplingSpanProcessor(tail, [nothing])];
const tracer = new TracerProvider({ sampler, spanProcessors }).getTracer("benchmark");
const server = {
  kind: SpanKind.SERVER,
  attributes: { "http.request.method": "GET", "url.path": "/users/1", "url.scheme": "http" },
};
const client = { kind: SpanKind.CLIENT, attributes: { "http.request.method": "GET", "server.address": "localhost" } };

function request(): void {
  const root = tracer.startSpan("GET", server, ROOT_CONTEXT);
  const context = trace.setSpan(ROOT_CONTEXT, root);
  const inner = tracer.startSpan("inner", undefined, context);
  const call = tracer.startSpan("GET", client, trace.setSpan(context, inner));
  call.setAttribute("http.response.status_code", 200);
  call.end();
  inner.end();
  root.setAttribute("http.route", "/users/:id");
  root.end();
}

for (let count = 0; count < OPERATIONS; count++) request();
const ns: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const { user, system } = process.cpuUsage();
  for (let count = 0; count < OPERATIONS; count++) request();
  const after = process.cpuUsage();
  ns.push(((after.user + after.system - user - system) * 1000) / OPERATIONS);
}
console.log(`@@${JSON.stringify({ ns: ns.toSorted((a, b) => a - b)[ROUNDS >> 1] })}@@`);

// Two services that sample: a trace is whole in both, or in none.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { ROOT_CONTEXT, SamplingDecision } from "@opentelemetry/api";
import { TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startZipkin, type ZipkinSpan } from "../support/zipkin.ts";

interface Services {
  readonly front: RunningApp;
  readonly back: RunningApp;
}

type Env = Readonly<Record<string, string>>;

/** Both with the same settings, but for those of the second alone. Spans go out when they end. */
async function withServices(
  env: Env,
  backEnv: Env,
  backApp: string,
  act: (services: Services) => Promise<void>,
): Promise<readonly ZipkinSpan[]> {
  const zipkin = await startZipkin();
  const all = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, OTEL_BSP_SCHEDULE_DELAY: "60000", ...env };
  const [front, back] = await Promise.all([
    runApp({ app: "propagation-app.cjs", env: { ...all, OTEL_SERVICE_NAME: "front" } }),
    runApp({ app: backApp, env: { ...all, OTEL_SERVICE_NAME: "back", ...backEnv } }),
  ]);
  try {
    await act({ front, back });
    await Promise.all([front.stop(), back.stop()]);
    return zipkin.spans;
  } finally {
    await Promise.all([front.stop("SIGKILL"), back.stop("SIGKILL")]);
    await zipkin.close();
  }
}

/** Each trace is the same three spans:
 *
 *     front SERVER
 *     └ front CLIENT
 *       └ back SERVER
 */
function assertWhole(spans: readonly ZipkinSpan[]): number {
  const traces = Object.groupBy(spans, ({ traceId }) => traceId);
  for (const trace of Object.values(traces) as ZipkinSpan[][]) {
    const find = (service: string, kind: string): ZipkinSpan | undefined =>
      trace.find((span) => span.localEndpoint.serviceName === service && span.kind === kind);
    const [server, call, back] = [find("front", "SERVER"), find("front", "CLIENT"), find("back", "SERVER")];
    const parents = [server?.parentId, call?.parentId, back?.parentId];
    assert.deepEqual([trace.length, ...parents], [3, undefined, server?.id, call?.id], JSON.stringify(trace));
  }
  return Object.keys(traces).length;
}

async function countOf(app: RunningApp): Promise<number> {
  return sumOf(await app.scrape(), "http_server_request_duration_seconds_count");
}

const REQUESTS = 60;

for (const [title, env, backEnv, least, most] of [
  ["a ratio", { OTEL_TRACES_SAMPLER_ARG: "0.5" }, {}, 10, 50],
  [
    "a ratio that the second has otherwise",
    { OTEL_TRACES_SAMPLER_ARG: "0.5" },
    { OTEL_TRACES_SAMPLER_ARG: "0" },
    10,
    50,
  ],
  ["a rule that is for both", { REDTRAIL_SAMPLING_RULES: "0.5 method=GET" }, {}, 10, 50],
  ["a rule that is for the second alone", {}, { REDTRAIL_SAMPLING_RULES: "drop path=/*" }, REQUESTS, REQUESTS],
  ["a rule by route of the second", {}, { REDTRAIL_SAMPLING_RULES: "drop route=*" }, REQUESTS, REQUESTS],
  ["a limit", { REDTRAIL_SAMPLING_RATE_LIMIT: "5" }, { REDTRAIL_SAMPLING_RATE_LIMIT: "1" }, 5, 30],
  [
    "all of it, with failures kept",
    {
      OTEL_TRACES_SAMPLER_ARG: "0.5",
      REDTRAIL_SAMPLING_RULES: "drop header.x-drop=*; 0.9 method=GET",
      REDTRAIL_SAMPLING_RATE_LIMIT: "20",
      REDTRAIL_SAMPLING_KEEP_ERRORS: "true",
    },
    {},
    10,
    59,
  ],
] as const) {
  test(`Traces are whole in two services, and metrics exact, with ${title}`, async () => {
    const spans = await withServices(env, backEnv, "express-app.cjs", async ({ front, back }) => {
      for (let count = 0; count < REQUESTS; count += 10) {
        await Promise.all(
          Array.from({ length: 10 }, async () => (await fetch(`${front.url}/http?${back.url}/users/1`)).text()),
        );
      }
      assert.deepEqual([await countOf(front), await countOf(back)], [REQUESTS, REQUESTS]);
    });
    const traces = assertWhole(spans);
    assert.ok(traces >= least && traces <= most, `${traces} traces`);
  });
}

test("A failure of the second is kept whole by both, though none was sampled", async () => {
  const env = { OTEL_TRACES_SAMPLER: "parentbased_always_off", REDTRAIL_SAMPLING_KEEP_ERRORS: "true" };
  const spans = await withServices(env, {}, "express-app.cjs", async ({ front, back }) => {
    for (const path of ["/users/1", "/fail", "/users/2", "/fail"]) {
      await (await fetch(`${front.url}/http?${back.url}${path}`)).text();
    }
    assert.deepEqual([await countOf(front), await countOf(back)], [4, 4]);
  });
  assert.equal(assertWhole(spans), 2);
  assert.ok(spans.every(({ kind, tags }) => kind === "CLIENT" || tags["redtrail.sampling.kept"] === "error"));
});

test("A ratio decides the same in two processes, for traces that their caller leaves to them", async () => {
  const ids = Array.from({ length: 40 }, () => randomBytes(16).toString("hex"));
  const env = { OTEL_PROPAGATORS: "b3", REDTRAIL_SAMPLING_RULES: "0.5 path=/orders" };
  const spans = await withServices(env, {}, "propagation-app.cjs", async (services) => {
    for (const id of ids) {
      const headers = { b3: `${id}-b7ad6b7169203331` };
      for (const { url } of Object.values(services) as RunningApp[]) {
        await (await fetch(`${url}/orders`, { headers })).text();
      }
    }
  });
  const half = new TraceIdRatioBasedSampler(0.5);
  const expected = ids.filter(
    (id) => half.shouldSample(ROOT_CONTEXT, id).decision === SamplingDecision.RECORD_AND_SAMPLED,
  );
  assert.ok(expected.length > 0 && expected.length < ids.length);
  for (const service of ["front", "back"]) {
    const sent = spans.filter(({ localEndpoint }) => localEndpoint.serviceName === service);
    assert.deepEqual(sent.map(({ traceId }) => traceId).toSorted(), expected.toSorted(), service);
  }
});

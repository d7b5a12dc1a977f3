// Rate, errors and duration from the spans that end here: exact at any sampling rate, bounded in series.
// https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and the Collector's span metrics connector give the names.
import { SpanKind } from "@opentelemetry/api";
import type { MetricData, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ATTR, ERROR_TYPE } from "../semconv.ts";
import { VERSION } from "../version.ts";
import { ACTIVE_REQUESTS, ActiveRequests } from "./active-requests.ts";
import { createErrorTest, isCode } from "./error-class.ts";
import { createExclusionTest } from "./exclusion.ts";
import { type Origin, originOf } from "./exemplar.ts";
import {
  FAMILIES,
  type FamilyDefinition,
  MESSAGING_QUEUE_TIME,
  type Source,
  familyOf,
  queueTimeS,
} from "./families.ts";
import type { LabelValue } from "./labels.ts";
import { SeriesMemo } from "./series-memo.ts";
import {
  type CounterSeries,
  type HistogramSeries,
  type Measurement,
  countOne,
  measure,
  record,
  recordValue,
} from "./data.ts";
import { FamilyMetrics } from "./family-metrics.ts";
import { LiveSpans } from "./live-spans.ts";
import { RED_DEFAULTS, type RedMetricsOptions, type RedOptions } from "./red-options.ts";
import { type RegistryState, redSelfMetrics } from "./red-self-metrics.ts";
import { ERROR, STATUS_NAMES, SpanMetrics, UNSET } from "./span-metrics.ts";

/** The series that a span is counted in; each is looked up when it is first needed. */
interface SpanSeries {
  calls: CounterSeries | undefined;
  duration: HistogramSeries | undefined;
  family: HistogramSeries | undefined;
}

/** How the values of a family's spans are read, those of the dimensions behind them. */
interface Plan {
  readonly family: FamilyMetrics | undefined;
  readonly reads: readonly Source["read"][];
  /** Reused for each span: counting it allocates nothing once its series exist. */
  readonly values: LabelValue[];
}

export class RedMetrics {
  readonly #options: RedOptions;
  readonly #families: ReadonlyMap<FamilyDefinition, FamilyMetrics>;
  readonly #plans: ReadonlyMap<FamilyDefinition | undefined, Plan>;
  /** Of spans that no family counts, or none that is on. */
  readonly #otherPlan: Plan;
  readonly #spans: SpanMetrics | undefined;
  readonly #active: ActiveRequests | undefined;
  readonly #live = new LiveSpans();
  readonly #memo = new SeriesMemo<SpanSeries>();
  /** Reused for each span. */
  readonly #measurement: Measurement = measure(0);
  readonly #isExcluded: ReturnType<typeof createExclusionTest>;
  readonly #isServerError: ((statusCode: number) => boolean) | undefined;
  readonly #isClientError: ((statusCode: number) => boolean) | undefined;
  readonly #ignored: Map<string, number> = new Map();
  readonly #registries: readonly RegistryState[];

  constructor(given: RedMetricsOptions) {
    const options = {
      ...RED_DEFAULTS,
      ...given,
      // A series that was given up must not be counted in any more.
      onEviction: () => this.#memo.clear(),
    };
    this.#options = options;
    const definitions = FAMILIES.filter(({ group }) => options.families.includes(group));
    this.#families = new Map(definitions.map((one) => [one, new FamilyMetrics(one, options)]));
    this.#spans = options.families.includes("spanmetrics") ? new SpanMetrics(options) : undefined;
    this.#plans = new Map(Array.from(this.#families, ([one, family]) => [one, createPlan(family, this.#spans)]));
    this.#otherPlan = createPlan(undefined, this.#spans);
    this.#active = options.families.includes("http") ? new ActiveRequests() : undefined;
    this.#isExcluded = createExclusionTest(options.exclusions);
    this.#isServerError = createErrorTest(options.errorClasses, "server");
    this.#isClientError = createErrorTest(options.errorClasses, "client");
    this.#registries = registryStates(this.#families.values(), this.#spans, options.namespace);
  }

  /** OpenTelemetry names of what is written here; no instrument of another writer may have them. */
  get names(): readonly string[] {
    const active = this.#active === undefined ? [] : [ACTIVE_REQUESTS];
    return [...Array.from(this.#families.values(), ({ name }) => name), ...active];
  }

  /** Notes a span that has begun. */
  onStart(span: ReadableSpan): void {
    if (span.kind === SpanKind.INTERNAL) return;
    this.#active?.start(span);
    this.#live.start(span);
  }

  /** Counts a span that has ended. INTERNAL spans are not requests and are left out. */
  onEnd(span: ReadableSpan): void {
    if (span.kind === SpanKind.INTERNAL) return;
    this.#active?.end(span);
    this.#live.end(span);
    if (this.#isExcluded !== undefined && this.#isExcluded(candidate(span))) {
      this.ignore("excluded");
      return;
    }
    const { attributes, duration } = span;
    const { aborted, streams, exemplarFilter } = this.#options;
    const nowS = Number.isFinite(span.endTime[0]) ? span.endTime[0] : Math.floor(Date.now() / 1000);
    const status = this.#statusOf(span);
    const origin = originOf(span, exemplarFilter, status === ERROR);
    const plan = this.#plans.get(familyOf(span)) ?? this.#otherPlan;
    const series = this.#seriesOf(span, status, plan);
    if (this.#spans !== undefined) {
      series.calls ??= this.#spans.calls.get(this.#spans.callsValues(span, status, dimensionsOf(plan)), nowS);
      countOne(series.calls, nowS, origin);
    }
    if (attributes[ATTR.streaming] === true && streams === "exclude") return;
    const seconds = Math.max(duration[0] + duration[1] / 1e9, 0);
    if (!Number.isFinite(seconds)) {
      // `span.end(new Date(NaN))`: one such value would make a sum NaN for ever.
      this.ignore("invalid_time");
      return;
    }
    const measured = measure(seconds, this.#measurement);
    const broken = aborted !== "include" && isBroken(attributes[ATTR.errorType]);
    if (this.#spans !== undefined && !broken) {
      const { scale, duration: registry } = this.#spans;
      series.duration ??= registry.get(this.#spans.durationValues(span, status, dimensionsOf(plan)), nowS);
      record(series.duration, scale === 1 ? measured : measure(seconds * scale), nowS, origin);
    }
    const { family } = plan;
    if (family === undefined || (broken && aborted === "exclude")) return;
    series.family ??= family.registry.get(ownValues(plan, family), nowS);
    record(series.family, measured, nowS, origin);
    if (span.kind === SpanKind.CONSUMER) this.#recordQueueTime(span, nowS, origin);
  }

  /** Counts a span that is not counted. */
  ignore(reason: string): void {
    this.#ignored.set(reason, (this.#ignored.get(reason) ?? 0) + 1);
  }

  /** All families, as OpenTelemetry metric data. The data points are the live series. */
  collect(): ScopeMetrics[] {
    const metrics = [
      ...Array.from(this.#families.values(), (family) => family.collect()),
      ...(this.#active === undefined ? [] : [this.#active.collect()]),
      ...(this.#spans?.collect() ?? []),
    ];
    const inUse = this.#registries.filter(({ registry }) => registry.all.length > 0);
    const self = redSelfMetrics(inUse, this.#ignored, this.#live.read(Date.now() / 1000));
    return [scope("redtrail", metrics), scope("redtrail/self", self)];
  }

  #statusOf({ kind, attributes, status }: ReadableSpan): string {
    const isError = kind === SpanKind.SERVER ? this.#isServerError : this.#isClientError;
    if (isError !== undefined && (kind === SpanKind.SERVER || kind === SpanKind.CLIENT)) {
      const code = attributes[ATTR.responseStatusCode] ?? attributes["http.status_code"];
      // A failure without an answer, or beside it, is one whatever the setting says of answers.
      const errorType = attributes[ATTR.errorType];
      if (isCode(code) && (errorType === undefined || errorType === String(code))) {
        return isError(Number(code)) ? ERROR : UNSET;
      }
    }
    return STATUS_NAMES[status.code] ?? UNSET;
  }

  #seriesOf(span: ReadableSpan, status: string, plan: Plan): SpanSeries {
    const { reads, values } = plan;
    const { attributes } = span;
    for (let index = 0; index < reads.length; index++) {
      values[index] = (reads[index] as Source["read"])(attributes, span) as LabelValue;
    }
    const known = this.#memo.find(span.name, status, plan, values);
    if (known !== undefined) return known;
    const series = { calls: undefined, duration: undefined, family: undefined };
    if (this.#isExact(span, status, plan)) {
      this.#memo.add(span.name, { status, owner: plan, values: [...values], found: series });
    }
    return series;
  }

  /** What is counted as something else (cleaned, capped, overflowing) is looked at, and counted as such, each time. */
  #isExact(span: ReadableSpan, status: string, plan: Plan): boolean {
    const { family } = plan;
    if (family !== undefined && !family.registry.has(ownValues(plan, family))) return false;
    const spans = this.#spans;
    return (
      spans === undefined ||
      (spans.calls.has(spans.callsValues(span, status, dimensionsOf(plan))) &&
        spans.duration.has(spans.durationValues(span, status, dimensionsOf(plan))))
    );
  }

  /** Clocks of two machines may disagree by more than a message waits. */
  #recordQueueTime(span: ReadableSpan, nowS: number, origin: Origin | undefined): void {
    const seconds = queueTimeS(span);
    if (seconds === undefined) return;
    if (!Number.isFinite(seconds)) {
      this.ignore("invalid_time");
      return;
    }
    if (seconds < 0) {
      this.ignore("negative_queue_time");
      return;
    }
    const family = this.#families.get(MESSAGING_QUEUE_TIME) as FamilyMetrics;
    const values = family.reads.map((read) => read(span.attributes, span) as LabelValue);
    recordValue(family.registry.get(values, nowS), seconds, nowS, origin);
  }
}

function createPlan(family: FamilyMetrics | undefined, spans: SpanMetrics | undefined): Plan {
  const reads = [...(family?.reads ?? []), ...(spans?.reads ?? [])];
  return { family, reads, values: reads.map(() => undefined) };
}

function ownValues({ values }: Plan, { reads }: FamilyMetrics): LabelValue[] {
  return values.slice(0, reads.length);
}

function dimensionsOf({ values, family }: Plan): readonly LabelValue[] {
  return values.slice(family?.reads.length ?? 0);
}

/** Requests that broke off: by the caller, in the middle of the answer, or given up by the calling code. */
function isBroken(errorType: unknown): boolean {
  return (
    errorType !== undefined &&
    (errorType === ERROR_TYPE.clientAborted ||
      errorType === ERROR_TYPE.incompleteResponse ||
      errorType === ERROR_TYPE.cancelled)
  );
}

function candidate({ attributes, name, kind, instrumentationScope }: ReadableSpan): {
  route: string | undefined;
  name: string;
  kind: string;
  scope: string;
} {
  const route = attributes[ATTR.route];
  return {
    route: typeof route === "string" ? route : undefined,
    name,
    kind: (SpanKind[kind] ?? "").toLowerCase(),
    scope: instrumentationScope.name,
  };
}

function scope(name: string, metrics: readonly MetricData[]): ScopeMetrics {
  return { scope: { name, version: VERSION }, metrics: metrics.filter((one) => one.dataPoints.length > 0) };
}

function registryStates(
  families: Iterable<FamilyMetrics>,
  spans: SpanMetrics | undefined,
  namespace: string,
): RegistryState[] {
  const states = Array.from(families, ({ name, registry }) => ({ attributes: { metric: name }, registry }));
  if (spans === undefined) return states;
  return [
    ...states,
    { attributes: { metric: `${namespace}.calls` }, registry: spans.calls },
    { attributes: { metric: `${namespace}.duration` }, registry: spans.duration },
  ];
}

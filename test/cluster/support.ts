// What the cluster's tests share: a link in memory, metrics made by hand, and waiting for a state.
import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Link } from "../../src/cluster/link.ts";
import type { MetricsSource } from "../../src/cluster/member.ts";
import type { Message } from "../../src/cluster/protocol.ts";
import type { CounterSeries } from "../../src/metrics/data.ts";

const START: HrTime = [1_000, 0];

/** Two ends; what one sends arrives at the other in a microtask, as JSON would carry it. */
export function linkPair(): [Link, Link] {
  const ends = [newEnd(), newEnd()] as const;
  const closeBoth = (): void => {
    for (const end of ends) end.isClosed = true;
    for (const end of ends) for (const callback of end.closed.splice(0)) callback();
  };
  const linkOf = (own: End, other: End): Link => ({
    send: async (message: Message) => {
      const text = JSON.stringify(message);
      await Promise.resolve();
      if (!own.isClosed) other.receive(JSON.parse(text));
    },
    onMessage: (callback) => (own.receive = callback),
    onClose: (callback) => own.closed.push(callback),
    close: closeBoth,
  });
  return [linkOf(ends[0], ends[1]), linkOf(ends[1], ends[0])];
}

interface End {
  receive: (message: unknown) => void;
  closed: (() => void)[];
  isClosed: boolean;
}

function newEnd(): End {
  return { receive: () => {}, closed: [], isClosed: false };
}

export function counter(
  name: string,
  value: number,
  attributes: Attributes = {},
  startTime: HrTime = START,
): MetricData {
  return sum(name, true, value, attributes, startTime);
}

export function updown(name: string, value: number, attributes: Attributes = {}): MetricData {
  return sum(name, false, value, attributes, START);
}

function sum(name: string, isMonotonic: boolean, value: number, attributes: Attributes, startTime: HrTime): MetricData {
  return {
    descriptor: { name, description: "", unit: "", valueType: ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: [{ value, attributes, startTime, endTime: startTime }],
  };
}

export function gauge(name: string, value: number, attributes: Attributes = {}): MetricData {
  return {
    descriptor: { name, description: "", unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: [{ value, attributes, startTime: START, endTime: START }],
  };
}

export function histogram(name: string, boundaries: number[], counts: number[], total: number): MetricData {
  const count = counts.reduce((sum, one) => sum + one, 0);
  return {
    descriptor: { name, description: "", unit: "s", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: [
      {
        attributes: {},
        startTime: START,
        endTime: START,
        value: { buckets: { boundaries, counts }, sum: total, count },
      },
    ],
  };
}

export function inScope(...metrics: MetricData[]): ScopeMetrics[] {
  return [{ scope: { name: "test", version: "1" }, metrics }];
}

export function resourceMetrics(scopeMetrics: ScopeMetrics[]): ResourceMetrics {
  return { resource: resourceFromAttributes({ "service.name": "test" }), scopeMetrics };
}

/** A source whose metrics are what `read` says at that time. */
export function sourceOf(read: () => MetricData[]): MetricsSource {
  return {
    collect: async () => resourceMetrics(inScope(...read())),
    collectSync: () => inScope(...read()),
  };
}

/** `metric{label}` -> value; a histogram is its count. */
export function valuesOf(scopeMetrics: readonly ScopeMetrics[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { scope, metrics } of scopeMetrics) {
    if (scope.name === "redtrail/cluster") continue;
    for (const { descriptor, dataPoints } of metrics) {
      for (const { attributes, value } of dataPoints as unknown as CounterSeries[]) {
        const labels = Object.entries(attributes).map(([key, one]) => `${key}=${String(one)}`);
        const name = labels.length === 0 ? descriptor.name : `${descriptor.name}{${labels.join()}}`;
        values[name] = typeof value === "number" ? value : (value as { count: number }).count;
      }
    }
  }
  return values;
}

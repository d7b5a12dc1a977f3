// Writes families as length-delimited io.prometheus.client.MetricFamily messages: the format that carries native histograms.
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
import type { HrTime } from "@opentelemetry/api";
import type { ExponentialHistogram, Histogram } from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../../metrics/exemplar.ts";
import type { Family, FamilyMember } from "./families.ts";
import { type LabelPair, labelPairs } from "./labels.ts";
import { type Point, fittingRequestId, isFresh, isHistogram, pointsOf } from "./point.ts";
import { PointCache } from "./point-cache.ts";
import { ProtoBuffer } from "./proto-buffer.ts";
import type { FamilyWriter, WriterOptions } from "./writer.ts";

const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const;
/** Prometheus takes schemas from -4 to 8. */
const MAX_SCHEMA = 8;
const MIN_SCHEMA = -4;

interface Rendered {
  readonly key: string;
  /** The point's encoded labels. */
  readonly labels: Buffer;
}

export function createProtobufWriter(options: WriterOptions): FamilyWriter {
  const cache = new PointCache<Rendered>({
    ...options,
    renderHeader: encodeHeader,
    renderPoint: (_family, labels) => {
      const encoded = encodeLabels(labels);
      return { key: encoded.toString("latin1"), labels: encoded };
    },
  });
  /** A family is written in turns, so that two scrapes may be writing; each takes a buffer and gives it back. */
  const familyBuffers: ProtoBuffer[] = [];
  const metric = new ProtoBuffer();
  const value = new ProtoBuffer();
  const part = new ProtoBuffer();
  const example = new ProtoBuffer();
  const pair = new ProtoBuffer();

  function writeLabel(target: ProtoBuffer, name: string, text: string): void {
    pair.clear();
    pair.string(1, name);
    pair.string(2, text);
    target.message(1, pair);
  }

  function writeTime(target: ProtoBuffer, field: number, [seconds, nanoseconds]: HrTime): void {
    pair.clear();
    pair.varint(1, seconds);
    pair.varint(2, nanoseconds);
    target.message(field, pair);
  }

  function writeExemplar(target: ProtoBuffer, field: number, exemplar: Exemplar): void {
    const { traceId, spanId, value: measured, time } = exemplar;
    const requestId = fittingRequestId(exemplar);
    example.clear();
    writeLabel(example, "trace_id", traceId);
    writeLabel(example, "span_id", spanId);
    if (requestId !== undefined) writeLabel(example, "request_id", requestId.toWellFormed());
    example.double(2, measured);
    const seconds = Math.floor(time);
    writeTime(example, 3, [seconds, Math.round((time - seconds) * 1e9)]);
    target.message(field, example);
  }

  function writeClassic(target: ProtoBuffer, point: Point, nowS: number): void {
    const { buckets } = point.value as Histogram;
    const { boundaries, counts } = buckets;
    let cumulative = 0;
    for (let index = 0; index <= boundaries.length; index++) {
      cumulative += counts[index] as number;
      part.clear();
      part.varint(1, cumulative);
      part.double(2, index < boundaries.length ? (boundaries[index] as number) : Infinity);
      const exemplar = point.exemplars?.[index];
      if (isFresh(exemplar, nowS)) writeExemplar(part, 3, exemplar);
      target.message(3, part);
    }
  }

  function writeHistogram(target: ProtoBuffer, { metric: data }: FamilyMember, point: Point, nowS: number): void {
    const { count, sum } = point.value as Histogram | ExponentialHistogram;
    target.varint(1, count);
    target.double(2, sum ?? 0);
    if (isHistogram(data)) {
      writeClassic(target, point, nowS);
      // Prometheus takes the exemplars of the classic buckets for the native histogram beside them.
      if (point.exponential !== undefined) writeNative(target, point.exponential);
    } else writeNative(target, { zeroThreshold: 0, ...(point.value as ExponentialHistogram) });
    writeTime(target, 15, point.startTime);
  }

  function writePoint(
    target: ProtoBuffer,
    family: Family,
    member: FamilyMember,
    rendered: Rendered,
    point: Point,
  ): void {
    const nowS = Date.now() / 1000;
    metric.clear();
    metric.raw(rendered.labels);
    value.clear();
    if (family.type === "histogram") {
      writeHistogram(value, member, point, nowS);
      metric.message(7, value);
    } else {
      if (typeof point.value !== "number") throw new TypeError(`a value is ${typeof point.value}`);
      value.double(1, point.value);
      if (family.type === "counter") {
        if (isFresh(point.exemplar, nowS)) writeExemplar(value, 2, point.exemplar);
        writeTime(value, 3, point.startTime);
      }
      metric.message(family.type === "counter" ? 3 : 2, value);
    }
    target.message(4, metric);
  }

  return {
    *write(out, family, onDuplicate) {
      const seen = new Set<string>();
      const target = familyBuffers.pop() ?? new ProtoBuffer();
      target.clear();
      target.raw(cache.header(family));
      for (const member of family.members) {
        const renderedOf = cache.pointsOf(family, member);
        for (const point of pointsOf(member.metric)) {
          const rendered = renderedOf(point.attributes);
          if (seen.has(rendered.key)) {
            onDuplicate();
            continue;
          }
          seen.add(rendered.key);
          writePoint(target, family, member, rendered, point);
          yield;
        }
      }
      target.writeDelimited(out);
      if (familyBuffers.length < 2) familyBuffers.push(target);
    },
    target(out, resource) {
      const one = new ProtoBuffer();
      one.string(1, "target_info");
      one.string(2, "Target metadata");
      one.varint(3, TYPES.gauge);
      const inner = new ProtoBuffer();
      inner.raw(encodeLabels(labelPairs(options.naming, resource)));
      const gauge = new ProtoBuffer(16);
      gauge.double(1, 1);
      inner.message(2, gauge);
      one.message(4, inner);
      one.writeDelimited(out);
    },
    end() {},
  };
}

function encodeHeader({ sample, help, type, unit }: Family): Buffer {
  const header = new ProtoBuffer();
  header.string(1, sample);
  header.string(2, help.toWellFormed());
  header.varint(3, TYPES[type]);
  if (unit !== "") header.string(5, unit);
  return header.copy();
}

function encodeLabels(labels: readonly LabelPair[]): Buffer {
  const encoded = new ProtoBuffer();
  for (const [name, text] of labels) encoded.message(1, labelPair(name, text));
  return encoded.copy();
}

function labelPair(name: string, text: string): ProtoBuffer {
  const pair = new ProtoBuffer(64);
  pair.string(1, name);
  pair.string(2, text.toWellFormed());
  return pair;
}

interface Native {
  readonly scale: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: { readonly offset: number; readonly bucketCounts: readonly number[] };
  readonly negative?: { readonly offset: number; readonly bucketCounts: readonly number[] } | undefined;
}

/** Spans of buckets that follow one another, and the differences between their counts. */
function writeNative(target: ProtoBuffer, native: Native): void {
  const { scale, zeroThreshold, zeroCount, positive, negative } = native;
  if (scale < MIN_SCHEMA) return;
  const schema = Math.min(scale, MAX_SCHEMA);
  target.sint(5, schema);
  target.double(6, zeroThreshold);
  target.varint(7, zeroCount);
  if (negative !== undefined) writeSpans(target, { span: 9, delta: 10 }, merged(negative, scale - schema));
  const shown = merged(positive, scale - schema);
  writeSpans(target, { span: 12, delta: 13 }, shown);
  if (shown.bucketCounts.length > 0 || zeroCount > 0) return;
  // Without any span it would be read as a classic histogram.
  const none = new ProtoBuffer(8);
  none.sint(1, 0);
  none.varint(2, 0);
  target.message(12, none);
}

interface Buckets {
  readonly offset: number;
  readonly bucketCounts: readonly number[];
}

/** Two neighbours become one with each step down in scale. */
function merged({ offset, bucketCounts }: Buckets, steps: number): Buckets {
  if (steps === 0 || bucketCounts.length === 0) return { offset, bucketCounts };
  const first = offset >> steps;
  const counts: number[] = [];
  for (const [index, count] of bucketCounts.entries()) {
    const at = ((offset + index) >> steps) - first;
    counts[at] = (counts[at] ?? 0) + count;
  }
  return { offset: first, bucketCounts: counts };
}

function writeSpans(
  target: ProtoBuffer,
  fields: { span: number; delta: number },
  { offset, bucketCounts }: Buckets,
): void {
  const deltas: number[] = [];
  let previous = 0;
  let end = 0;
  for (let index = 0; index < bucketCounts.length;) {
    if (bucketCounts[index] === 0) {
      index++;
      continue;
    }
    const from = index;
    while (index < bucketCounts.length && bucketCounts[index] !== 0) {
      deltas.push((bucketCounts[index] as number) - previous);
      previous = bucketCounts[index] as number;
      index++;
    }
    const span = new ProtoBuffer(16);
    // Prometheus' bucket i ends at base^i, OpenTelemetry's begins there.
    const absolute = offset + from + 1;
    span.sint(1, absolute - end);
    span.varint(2, index - from);
    target.message(fields.span, span);
    end = absolute + (index - from);
  }
  if (deltas.length > 0) target.packedSint(fields.delta, deltas);
}

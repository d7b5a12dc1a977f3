// Writes families as length-delimited io.prometheus.client.MetricFamily messages: the format that carries native histograms.
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
import type { HrTime } from "@opentelemetry/api";
import type { ExponentialHistogram, Histogram } from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../../metrics/exemplar.ts";
import type { Family, FamilyMember } from "./families.ts";
import { type LabelPair, labelPairs } from "./labels.ts";
import { type Point, fittingRequestId, isFresh, isHistogram } from "./point.ts";
import { PointCache } from "./point-cache.ts";
import { ProtoBuffer } from "./proto-buffer.ts";
import type { FamilyWriter, WriterOptions } from "./writer.ts";

const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const;
const VALUE_FIELDS = { counter: 3, gauge: 2, histogram: 7 } as const;
/** Prometheus takes schemas from -4 to 8. */
const MAX_SCHEMA = 8;
const MIN_SCHEMA = -4;

interface Rendered {
  readonly key: string;
  /** The point's encoded labels, a character for each byte. */
  readonly labels: string;
}

export function createProtobufWriter(options: WriterOptions): FamilyWriter {
  const cache = new PointCache<Rendered>({
    ...options,
    renderHeader: encodeHeader,
    renderPoint: (_family, labels) => {
      const encoded = encodeLabels(labels);
      return { key: encoded, labels: encoded };
    },
  });
  /** A family is written in turns, so that two scrapes may be writing; each takes a buffer and gives it back. */
  const familyBuffers: ProtoBuffer[] = [];
  const scratch = new ProtoBuffer();

  function encodeExemplar({ traceId, spanId, value, time, ...exemplar }: Exemplar): string {
    const requestId = fittingRequestId({ traceId, spanId, value, time, ...exemplar });
    scratch.clear();
    writeLabel(scratch, 1, "trace_id", traceId);
    writeLabel(scratch, 1, "span_id", spanId);
    if (requestId !== undefined) writeLabel(scratch, 1, "request_id", requestId.toWellFormed());
    scratch.double(2, value);
    const seconds = Math.floor(time);
    writeTime(scratch, 3, [seconds, Math.round((time - seconds) * 1e9)]);
    return scratch.toBinaryString();
  }

  function writeExemplar(target: ProtoBuffer, field: number, exemplar: Exemplar): void {
    exemplar.protobuf ??= encodeExemplar(exemplar);
    const mark = target.begin(field);
    target.raw(exemplar.protobuf);
    target.end(mark);
  }

  function writeClassic(target: ProtoBuffer, point: Point, nowS: number): void {
    const { buckets } = point.value as Histogram;
    const { boundaries, counts } = buckets;
    let cumulative = 0;
    for (let index = 0; index <= boundaries.length; index++) {
      cumulative += counts[index] as number;
      if (index < boundaries.length && boundaries[index] === boundaries[index + 1]) continue;
      const mark = target.begin(3);
      target.varint(1, cumulative);
      target.double(2, index < boundaries.length ? (boundaries[index] as number) : Infinity);
      const exemplar = point.exemplars?.[index];
      if (isFresh(exemplar, nowS)) writeExemplar(target, 3, exemplar);
      target.end(mark);
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
    const metric = target.begin(4);
    target.raw(rendered.labels);
    const value = target.begin(VALUE_FIELDS[family.type]);
    if (family.type === "histogram") writeHistogram(target, member, point, nowS);
    else {
      target.double(1, point.value as number);
      if (family.type === "counter") {
        if (isFresh(point.exemplar, nowS)) writeExemplar(target, 2, point.exemplar);
        writeTime(target, 3, point.startTime);
      }
    }
    target.end(value);
    target.end(metric);
  }

  return {
    *write(out, family, onLeftOut) {
      const target = familyBuffers.pop() ?? new ProtoBuffer();
      target.clear();
      target.raw(cache.header(family));
      yield* cache.writeEach(family, onLeftOut, (member, rendered, point) =>
        writePoint(target, family, member, rendered, point),
      );
      target.writeDelimited(out);
      if (familyBuffers.length < 2) familyBuffers.push(target);
    },
    target(out, resource) {
      const family = new ProtoBuffer();
      family.string(1, "target_info");
      family.string(2, "Target metadata");
      family.varint(3, TYPES.gauge);
      const metric = family.begin(4);
      for (const [name, text] of labelPairs(options.naming, resource)) writeLabel(family, 1, name, text);
      const gauge = family.begin(VALUE_FIELDS.gauge);
      family.double(1, 1);
      family.end(gauge);
      family.end(metric);
      family.writeDelimited(out);
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

function encodeLabels(labels: readonly LabelPair[]): string {
  const encoded = new ProtoBuffer(256);
  for (const [name, text] of labels) writeLabel(encoded, 1, name, text);
  return encoded.toBinaryString();
}

function writeLabel(target: ProtoBuffer, field: number, name: string, text: string): void {
  const mark = target.begin(field);
  target.string(1, name);
  target.string(2, text);
  target.end(mark);
}

function writeTime(target: ProtoBuffer, field: number, [seconds, nanoseconds]: HrTime): void {
  const mark = target.begin(field);
  target.varint(1, seconds);
  target.varint(2, nanoseconds);
  target.end(mark);
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
  const steps = scale - schema;
  const hasNegative = negative !== undefined && writeSpans(target, { span: 9, delta: 10 }, merged(negative, steps));
  const hasPositive = writeSpans(target, { span: 12, delta: 13 }, merged(positive, steps));
  // Without any span it would be read as a classic histogram.
  if (!hasNegative && !hasPositive && zeroCount === 0) writeSpan(target, 12, 0, 0);
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

function writeSpan(target: ProtoBuffer, field: number, offset: number, length: number): void {
  const mark = target.begin(field);
  target.sint(1, offset);
  target.varint(2, length);
  target.end(mark);
}

/** Returns whether there is anything in the buckets. */
function writeSpans(target: ProtoBuffer, fields: { span: number; delta: number }, buckets: Buckets): boolean {
  const { offset, bucketCounts } = buckets;
  let end = 0;
  for (let index = 0; index < bucketCounts.length;) {
    const from = index;
    while (index < bucketCounts.length && bucketCounts[index] !== 0) index++;
    if (index > from) {
      // Prometheus' bucket i ends at base^i, OpenTelemetry's begins there.
      const absolute = offset + from + 1;
      writeSpan(target, fields.span, absolute - end, index - from);
      end = offset + index + 1;
    }
    while (index < bucketCounts.length && bucketCounts[index] === 0) index++;
  }
  if (bucketCounts.every((count) => count === 0)) return false;
  let previous = 0;
  const mark = target.begin(fields.delta);
  for (const count of bucketCounts) {
    if (count === 0) continue;
    target.packedSint(count - previous);
    previous = count;
  }
  target.end(mark);
  return true;
}

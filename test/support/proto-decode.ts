// Reads io.prometheus.client.MetricFamily messages by their field numbers, sharing nothing with the code that writes them.
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto

export interface DecodedExemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds and nanoseconds. */
  readonly timestamp: readonly [number, number] | undefined;
}

export interface DecodedHistogram {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly {
    readonly upperBound: number;
    readonly cumulativeCount: number;
    readonly exemplar: DecodedExemplar | undefined;
  }[];
  readonly created: readonly [number, number] | undefined;
  readonly native: DecodedNative | undefined;
}

interface DecodedNative {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positiveSpans: readonly (readonly [offset: number, length: number])[];
  readonly negativeSpans: readonly (readonly [offset: number, length: number])[];
  /** Counts by Prometheus' bucket index: bucket i ends at 2^(i / 2^schema). */
  readonly positive: Readonly<Record<number, number>>;
  readonly negative: Readonly<Record<number, number>>;
}

export interface DecodedMetric {
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number | undefined;
  readonly exemplar: DecodedExemplar | undefined;
  readonly created: readonly [number, number] | undefined;
  readonly histogram: DecodedHistogram | undefined;
}

export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram" | "other";
  readonly unit: string;
  readonly metrics: readonly DecodedMetric[];
}

type Value = number | bigint | Buffer;
type Fields = ReadonlyMap<number, readonly Value[]>;

/** Throws at what is not a row of messages, each with its length before it. */
export function decodeFamilies(body: Buffer): DecodedFamily[] {
  const families: DecodedFamily[] = [];
  for (let at = 0; at < body.length;) {
    const [length, next] = varint(body, at);
    const end = next + Number(length);
    if (end > body.length) throw new RangeError(`a message ends at ${end} of ${body.length}`);
    families.push(family(fieldsOf(body.subarray(next, end))));
    at = end;
  }
  return families;
}

function family(fields: Fields): DecodedFamily {
  return {
    name: text(fields, 1),
    help: text(fields, 2),
    type: ({ 0: "counter", 1: "gauge", 4: "histogram" } as const)[number(fields, 3)] ?? "other",
    unit: text(fields, 5),
    metrics: messages(fields, 4).map(metric),
  };
}

function metric(fields: Fields): DecodedMetric {
  const [gauge] = messages(fields, 2);
  const [counter] = messages(fields, 3);
  const [histogramFields] = messages(fields, 7);
  const number = gauge ?? counter;
  return {
    labels: messages(fields, 1).map((label) => [text(label, 1), text(label, 2)]),
    value: number === undefined ? undefined : double(number, 1),
    exemplar: exemplar(counter, 2),
    created: time(counter, 3),
    histogram: histogramFields === undefined ? undefined : histogram(histogramFields),
  };
}

function histogram(fields: Fields): DecodedHistogram {
  return {
    count: number(fields, 1),
    sum: double(fields, 2),
    buckets: messages(fields, 3).map((bucket) => ({
      cumulativeCount: number(bucket, 1),
      upperBound: double(bucket, 2),
      exemplar: exemplar(bucket, 3),
    })),
    created: time(fields, 15),
    native: fields.has(5) ? native(fields) : undefined,
  };
}

function native(fields: Fields): DecodedNative {
  const spans = (field: number): (readonly [number, number])[] =>
    messages(fields, field).map((span) => [zigzag(one(span, 1)), number(span, 2)]);
  const positiveSpans = spans(12);
  const negativeSpans = spans(9);
  return {
    schema: zigzag(one(fields, 5)),
    zeroThreshold: double(fields, 6),
    zeroCount: number(fields, 7),
    positiveSpans,
    negativeSpans,
    positive: counts(positiveSpans, packed(fields, 13)),
    negative: counts(negativeSpans, packed(fields, 10)),
  };
}

function counts(spans: readonly (readonly [number, number])[], deltas: readonly number[]): Record<number, number> {
  const found: Record<number, number> = {};
  let index = 0;
  let count = 0;
  let used = 0;
  for (const [offset, length] of spans) {
    index += offset;
    for (let i = 0; i < length; i++) {
      const delta = deltas[used++];
      if (delta === undefined) throw new RangeError("there are fewer deltas than the spans say");
      count += delta;
      found[index++] = count;
    }
  }
  if (used !== deltas.length) throw new RangeError("there are more deltas than the spans say");
  return found;
}

function exemplar(owner: Fields | undefined, field: number): DecodedExemplar | undefined {
  const [fields] = owner === undefined ? [] : messages(owner, field);
  if (fields === undefined) return undefined;
  return {
    labels: Object.fromEntries(messages(fields, 1).map((label) => [text(label, 1), text(label, 2)])),
    value: double(fields, 2),
    timestamp: time(fields, 3),
  };
}

function time(owner: Fields | undefined, field: number): readonly [number, number] | undefined {
  const [fields] = owner === undefined ? [] : messages(owner, field);
  return fields === undefined ? undefined : [number(fields, 1), number(fields, 2)];
}

function fieldsOf(message: Buffer): Fields {
  const fields = new Map<number, Value[]>();
  for (let at = 0; at < message.length;) {
    const [tag, next] = varint(message, at);
    const [value, end] = valueAt(message, next, Number(tag & 7n));
    const field = Number(tag >> 3n);
    fields.set(field, [...(fields.get(field) ?? []), value]);
    at = end;
  }
  return fields;
}

function valueAt(message: Buffer, at: number, wireType: number): [Value, number] {
  if (wireType === 0) return varint(message, at);
  if (wireType === 1) return [message.readDoubleLE(at), at + 8];
  if (wireType !== 2) throw new RangeError(`wire type ${wireType}`);
  const [length, from] = varint(message, at);
  const end = from + Number(length);
  if (end > message.length) throw new RangeError(`a field ends at ${end} of ${message.length}`);
  return [message.subarray(from, end), end];
}

function varint(bytes: Buffer, from: number): [bigint, number] {
  let value = 0n;
  for (let at = from, shift = 0n; shift < 70n; at++, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw new RangeError("a number breaks off");
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at + 1];
  }
  throw new RangeError("a number has more than ten bytes");
}

/** All of a packed field. */
function packed(fields: Fields, field: number): number[] {
  const bytes = one(fields, field);
  if (bytes === undefined) return [];
  const found: number[] = [];
  for (let at = 0; at < (bytes as Buffer).length;) {
    const [value, next] = varint(bytes as Buffer, at);
    found.push(zigzag(value));
    at = next;
  }
  return found;
}

function zigzag(value: Value | undefined): number {
  const unsigned = (value ?? 0n) as bigint;
  return Number((unsigned >> 1n) ^ -(unsigned & 1n));
}

/** The last of a field that may be there once. */
function one(fields: Fields, field: number): Value | undefined {
  return fields.get(field)?.at(-1);
}

function number(fields: Fields, field: number): number {
  return Number(one(fields, field) ?? 0);
}

function double(fields: Fields, field: number): number {
  return (one(fields, field) ?? 0) as number;
}

/** Throws at what is no UTF-8. */
function text(fields: Fields, field: number): string {
  const bytes = one(fields, field);
  return bytes === undefined ? "" : new TextDecoder("utf8", { fatal: true, ignoreBOM: true }).decode(bytes as Buffer);
}

function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((message) => fieldsOf(message as Buffer));
}

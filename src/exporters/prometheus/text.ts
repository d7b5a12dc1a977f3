// Writes families as text: Prometheus' own format and OpenMetrics, which differ in a few lines.
// https://prometheus.io/docs/instrumenting/exposition_formats/  https://prometheus.io/docs/specs/om/open_metrics_spec/
import type { Attributes } from "@opentelemetry/api";
import type { ExponentialHistogram, Histogram } from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../../metrics/exemplar.ts";
import { type ByteWriter, numberText } from "./byte-writer.ts";
import { cleanText, isLegacyLabelName, isLegacyMetricName } from "./escaping.ts";
import type { Family, FamilyMember } from "./families.ts";
import { type LabelPair, labelPairs } from "./labels.ts";
import { type Point, fittingRequestId, isFresh, isHistogram, secondsOf } from "./point.ts";
import { PointCache } from "./point-cache.ts";
import type { FamilyWriter, WriterOptions } from "./writer.ts";

const NEWLINE = 10;

interface Rendered {
  readonly key: string;
  /** `name{labels} `, or of a histogram `name_bucket{labels,le="`. */
  readonly first: Buffer;
  readonly sum: Buffer;
  readonly count: Buffer;
  readonly created: Buffer;
}

export function createTextWriter(options: WriterOptions, isOpenMetrics: boolean): FamilyWriter {
  const cache = new PointCache<Rendered>({
    ...options,
    renderHeader: (family) => Buffer.from(header(family, isOpenMetrics)),
    renderPoint: (family, labels) => renderPoint(family, labels, isOpenMetrics),
  });
  /** The ends of bucket lines, by the array of their bounds: `0.005"} `. */
  const boundTexts = new WeakMap<readonly number[], readonly Buffer[]>();
  const infinity = Buffer.from('+Inf"} ');

  function boundsOf(boundaries: readonly number[]): readonly Buffer[] {
    let texts = boundTexts.get(boundaries);
    if (texts === undefined) {
      texts = boundaries.map((bound) => Buffer.from(`${boundText(bound, isOpenMetrics)}"} `));
      boundTexts.set(boundaries, texts);
    }
    return texts;
  }

  function writeExemplar(out: ByteWriter, point: Point, index: number, nowS: number): void {
    if (!isOpenMetrics) return;
    const exemplar = index < 0 ? point.exemplar : point.exemplars?.[index];
    if (!isFresh(exemplar, nowS)) return;
    exemplar.text ??= exemplarText(exemplar);
    out.binary(exemplar.text);
  }

  function writeBuckets(out: ByteWriter, { first }: Rendered, point: Point, nowS: number): void {
    const { buckets, count } = point.value as Histogram;
    const { boundaries, counts } = buckets;
    const bounds = boundsOf(boundaries);
    let cumulative = 0;
    for (let index = 0; index < boundaries.length; index++) {
      cumulative += counts[index] as number;
      // A bound that an app has given twice is one bucket.
      if (boundaries[index] === boundaries[index + 1]) continue;
      out.bytes(first);
      out.bytes(bounds[index] as Buffer);
      out.integer(cumulative);
      if (isOpenMetrics && point.exemplars !== undefined) writeExemplar(out, point, index, nowS);
      out.byte(NEWLINE);
    }
    out.bytes(first);
    out.bytes(infinity);
    out.integer(count);
    if (point.exemplars !== undefined) writeExemplar(out, point, boundaries.length, nowS);
    out.byte(NEWLINE);
  }

  function writeHistogram(out: ByteWriter, rendered: Rendered, point: Point, isClassic: boolean, nowS: number): void {
    const { sum, count } = point.value as Histogram | ExponentialHistogram;
    const isSummed = isOpenMetrics ? isSum(point.value as Histogram | ExponentialHistogram) : sum !== undefined;
    if (isClassic) writeBuckets(out, rendered, point, nowS);
    else {
      // Text cannot hold exponential buckets; how many and how long on the whole it can.
      out.bytes(rendered.first);
      out.bytes(infinity);
      out.integer(count);
      out.byte(NEWLINE);
    }
    if (isSummed) writeSample(out, rendered.sum, sum as number);
    // OpenMetrics has either both or none; the bucket +Inf says as much.
    if (isSummed || !isOpenMetrics) writeSample(out, rendered.count, count);
  }

  function writePoint(out: ByteWriter, family: Family, member: FamilyMember, rendered: Rendered, point: Point): void {
    const nowS = Date.now() / 1000;
    if (family.type === "histogram") {
      writeHistogram(out, rendered, point, isHistogram(member.metric), nowS);
    } else {
      out.bytes(rendered.first);
      out.integer(point.value as number);
      // A counter of unknown type (see header) may have none.
      if (point.exemplar !== undefined && family.base !== family.sample) writeExemplar(out, point, -1, nowS);
      out.byte(NEWLINE);
    }
    if (options.created && isOpenMetrics && hasCreated(family)) {
      out.bytes(rendered.created);
      out.text(`${decimal(secondsOf(point.startTime))}\n`);
    }
  }

  return {
    *write(out, family, onLeftOut) {
      out.bytes(cache.header(family));
      yield* cache.writeEach(family, onLeftOut, (member, rendered, point) =>
        writePoint(out, family, member, rendered, point),
      );
    },
    target(out, resource: Attributes) {
      const labels = labelPairs(options.naming, resource).map(labelText).join(",");
      const [name, type] = isOpenMetrics ? ["target", "info"] : ["target_info", "gauge"];
      out.text(`# TYPE ${name} ${type}\n# HELP ${name} Target metadata\ntarget_info{`);
      out.text(labels);
      out.text("} 1\n");
    },
    end(out) {
      if (isOpenMetrics) out.text("# EOF\n");
    },
  };
}

function writeSample(out: ByteWriter, prefix: Buffer, value: number): void {
  out.bytes(prefix);
  out.integer(value);
  out.byte(NEWLINE);
}

/** OpenMetrics calls a counter by the name without `_total`; one whose name lacks it is of unknown type there. */
function header({ base, sample, unit, type, help }: Family, isOpenMetrics: boolean): string {
  const name = headerName(isOpenMetrics ? base : sample);
  const shown = isOpenMetrics && type === "counter" && base === sample ? "unknown" : type;
  return [
    help === "" ? "" : `# HELP ${name} ${isOpenMetrics ? escapeValue(help) : escapeHelp(help)}\n`,
    `# TYPE ${name} ${shown}\n`,
    isOpenMetrics && unit !== "" ? `# UNIT ${name} ${unit}\n` : "",
  ].join("");
}

function headerName(name: string): string {
  return isLegacyMetricName(name) ? name : `"${escapeValue(name)}"`;
}

/** Neither gauges nor what is of unknown type (see header). */
function hasCreated({ base, sample, type }: Family): boolean {
  return type === "histogram" || (type === "counter" && base !== sample);
}

/** Whether OpenMetrics takes it as one: negative values would make it go down, which a counter may not. */
function isSum(value: Histogram | ExponentialHistogram): boolean {
  const lowest = "buckets" in value ? value.buckets.boundaries[0] : undefined;
  return value.sum !== undefined && value.sum >= 0 && !(lowest !== undefined && lowest < 0);
}

function renderPoint(family: Family, labels: readonly LabelPair[], isOpenMetrics: boolean): Rendered {
  const { base, sample, type } = family;
  const key = labels.map(labelText).join(",");
  const plain = (name: string): Buffer => Buffer.from(`${sampleText(name, key)} `);
  const isCreated = isOpenMetrics && hasCreated(family);
  const nothing = Buffer.alloc(0);
  if (type !== "histogram") {
    return {
      key,
      first: plain(sample),
      sum: nothing,
      count: nothing,
      created: isCreated ? plain(`${base}_created`) : nothing,
    };
  }
  const bucket = sampleText(`${base}_bucket`, key === "" ? 'le="' : `${key},le="`);
  return {
    key,
    first: Buffer.from(bucket.slice(0, -1)),
    sum: plain(`${base}_sum`),
    count: plain(`${base}_count`),
    created: isCreated ? plain(`${base}_created`) : nothing,
  };
}

/** A name that old Prometheus would not take stands in quotes among the labels. */
function sampleText(name: string, labels: string): string {
  if (isLegacyMetricName(name)) return labels === "" ? name : `${name}{${labels}}`;
  return `{"${escapeValue(name)}"${labels === "" ? "" : `,${labels}`}}`;
}

function labelText([name, value]: LabelPair): string {
  return `${isLegacyLabelName(name) ? name : `"${escapeValue(name)}"`}="${escapeValue(value)}"`;
}

function escapeValue(text: string): string {
  if (!/[\\"\n\0]|[\uD800-\uDFFF]/.test(text)) return text;
  return cleanText(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

export function escapeHelp(text: string): string {
  return cleanText(text).replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function exemplarText(exemplar: Exemplar): string {
  const { traceId, spanId, value, time } = exemplar;
  const requestId = fittingRequestId(exemplar);
  const requestLabel = requestId === undefined ? "" : `",request_id="${escapeValue(requestId)}`;
  const text = ` # {trace_id="${traceId}",span_id="${spanId}${requestLabel}"} ${numberText(value)} ${decimal(time)}`;
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Seconds with milliseconds; `toFixed` takes twice as long. */
function decimal(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const rest = ms % 1000;
  return `${(ms - rest) / 1000}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`;
}

/** OpenMetrics wants a float's text; Prometheus 3 makes `1.0` of either. */
function boundText(bound: number, isOpenMetrics: boolean): string {
  const text = numberText(bound);
  return isOpenMetrics && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

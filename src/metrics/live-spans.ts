// The requests that have begun and not ended: what hangs shows here first, because metrics of ended spans never see it.
import { SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

type LiveSpan = Pick<ReadableSpan, "kind" | "startTime">;

const KINDS = [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER] as const;
/** Spans watched at most; beyond it they are counted, and not watched. */
const MAX_WATCHED = 10_000;
/** A span of this age was forgotten, not slow: it gives its place up. */
const FORGOTTEN_AFTER_S = 6 * 3_600;
/** Where a span keeps its place: cheaper than a Set, which would hash it twice. */
const PLACE: unique symbol = Symbol("redtrail.place");

type Watched = LiveSpan & { [PLACE]?: number };

export class LiveSpans {
  readonly #watched: (LiveSpan | undefined)[] = [];
  readonly #free: number[] = [];
  /** By kind. */
  readonly #counts: number[] = [0, 0, 0, 0, 0];

  start(span: Watched): void {
    (this.#counts[span.kind] as number)++;
    const place = this.#free.pop() ?? this.#watched.length;
    if (place >= MAX_WATCHED) return;
    this.#watched[place] = span;
    span[PLACE] = place;
  }

  end(span: Watched): void {
    (this.#counts[span.kind] as number)--;
    const place = span[PLACE];
    if (place === undefined || this.#watched[place] !== span) return;
    this.#watched[place] = undefined;
    this.#free.push(place);
  }

  /** By kind of request: how many live, and the seconds that the oldest has lived; 0 where none does. */
  read(nowS: number): { readonly kind: SpanKind; readonly count: number; readonly oldestS: number }[] {
    const oldest = [0, 0, 0, 0, 0];
    for (const [place, span] of this.#watched.entries()) {
      if (span === undefined) continue;
      const ageS = nowS - span.startTime[0] - span.startTime[1] / 1e9;
      // A span that was started at no time at all has no age.
      if (Number.isNaN(ageS) || ageS > FORGOTTEN_AFTER_S) {
        this.#watched[place] = undefined;
        this.#free.push(place);
      } else oldest[span.kind] = Math.max(oldest[span.kind] as number, ageS);
    }
    return KINDS.map((kind) => ({
      kind,
      count: Math.max(this.#counts[kind] as number, 0),
      oldestS: oldest[kind] as number,
    }));
  }
}

// What scrape.ts and record.ts count: HTTP requests of so many routes, methods and statuses, with drawn durations.
import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

const METHODS = ["GET", "POST", "PUT", "DELETE"];
const STATUSES = [200, 201, 404, 500, 503];
/** Seconds. */
export const BOUNDS: number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The labels of one series, twenty to a route. */
export function labels(index: number): Attributes {
  return {
    "http.request.method": METHODS[index % 4],
    "url.scheme": "http",
    "network.protocol.version": "1.1",
    "http.response.status_code": STATUSES[Math.floor(index / 4) % 5],
    "http.route": `/api/v1/resource${Math.floor(index / 20)}/:id`,
  };
}

/** Up to 0.3 s, the same ones in each run. */
export const DURATIONS: readonly number[] = Array.from({ length: 1024 }, (_, i) => (((i * 7919) % 1024) / 1024) * 0.3);

/** A span as redtrail's server instrumentation ends it: of a class, with the attributes that it has. */
export class EndedSpan {
  readonly kind = 1;
  readonly name: string;
  readonly attributes: Attributes;
  readonly status: { code: number };
  readonly duration: [number, number] = [0, 0];
  readonly startTime: [number, number] = [1_764_000_000, 0];
  readonly endTime: [number, number] = [Math.floor(Date.now() / 1000), 5];
  readonly instrumentationScope: { name: string } = { name: "redtrail/http" };
  readonly events: never[] = [];
  readonly #context: { traceId: string; spanId: string; traceFlags: number };

  constructor(index: number, isSampled: boolean) {
    const of = labels(index);
    const status = of["http.response.status_code"] as number;
    this.name = `${of["http.request.method"] as string} ${of["http.route"] as string}`;
    this.attributes = {
      "http.request.method": of["http.request.method"],
      "url.scheme": "http",
      "url.path": `/api/v1/resource${index}/42`,
      "server.address": "localhost",
      "server.port": 8080,
      "network.peer.address": "127.0.0.1",
      "user_agent.original": "benchmark",
      "network.protocol.version": "1.1",
      "http.request.id": "01a20b4d-bfa7-7c4f-91f0-59a2accc9d97",
      "http.response.status_code": status,
      "http.route": of["http.route"],
    };
    if (status >= 500) this.attributes["error.type"] = String(status);
    this.status = { code: status >= 500 ? 2 : 0 };
    this.#context = {
      traceId: index.toString(16).padStart(32, "1"),
      spanId: index.toString(16).padStart(16, "1"),
      traceFlags: isSampled ? 1 : 0,
    };
  }

  spanContext(): { traceId: string; spanId: string; traceFlags: number } {
    return this.#context;
  }
}

export function spans(count: number, isSampled: boolean): ReadableSpan[] {
  return Array.from({ length: count }, (_, index) => new EndedSpan(index, isSampled) as unknown as ReadableSpan);
}

/** One end of each span, with the next durations. */
export function endAll(ended: readonly ReadableSpan[], from: number, end: (span: ReadableSpan) => void): number {
  let at = from;
  for (const span of ended) {
    span.duration[1] = (DURATIONS[at++ & 1023] as number) * 1e9;
    end(span);
  }
  return at;
}

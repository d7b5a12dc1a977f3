// What redtrail adds to a response: the request id, and on demand the trace and the time it took.
import type { ServerResponse } from "node:http";
import { type Context, TraceFlags, isSpanContextValid, trace } from "@opentelemetry/api";
import type { InstrumentationHost } from "../instrumentation.ts";
import type { ServerRequest } from "./server-request.ts";

type AddHeaders = (response: ServerResponse, request: ServerRequest) => void;

/** Undefined when nothing is added. A header of the same name that the app sets takes the place of ours. */
export function createResponseHeaders({
  requestId: { echo, headers },
  propagation: { serverTiming, responseTime },
}: Pick<InstrumentationHost, "requestId" | "propagation">): AddHeaders | undefined {
  const header = headers[0] as string;
  const echoAs = header === "x-request-id" ? "X-Request-ID" : header;
  const adders: AddHeaders[] = [];
  if (echo) {
    adders.push((response, { requestId }) => {
      if (requestId !== undefined) response.setHeader(echoAs, requestId);
    });
  }
  if (serverTiming) {
    adders.push((response, { context }) => {
      const value = serverTimingOf(context);
      if (value !== undefined) response.setHeader("Server-Timing", value);
    });
  }
  if (responseTime) adders.push(addResponseTime);
  if (adders.length <= 1) return adders[0];
  return (response, request) => {
    for (const add of adders) add(response, request);
  };
}

/** W3C Trace Context's proposal for responses: https://www.w3.org/TR/trace-context-2/ ("Server-Timing", editors' draft). */
export function serverTimingOf(context: Context): string | undefined {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags & TraceFlags.SAMPLED;
  return `trace;desc=00-${span.traceId}-${span.spanId}-0${flags}`;
}

/** Since `start`, of `performance.now()`. */
export function responseTimeSince(start: number): string {
  return `${(performance.now() - start).toFixed(3)}ms`;
}

/** Until the head is written, which an app can do by `writeHead` or leave to the first `write`: both come by here. */
function addResponseTime(response: ServerResponse, { arrivedAt }: ServerRequest): void {
  const start = arrivedAt ?? performance.now();
  const { writeHead } = response;
  response.writeHead = function writeHeadWithTime(this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (!this.headersSent && !this.hasHeader("X-Response-Time")) {
      this.setHeader("X-Response-Time", responseTimeSince(start));
    }
    return Reflect.apply(writeHead, this, args) as ServerResponse;
  };
}

// What redtrail adds to a response: the request id, and on demand the trace and the time it took.
import type { ServerResponse } from "node:http";
import { TraceFlags, isSpanContextValid, trace } from "@opentelemetry/api";
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
  if (serverTiming) adders.push(addServerTiming);
  if (responseTime) adders.push(addResponseTime);
  if (adders.length <= 1) return adders[0];
  return (response, request) => {
    for (const add of adders) add(response, request);
  };
}

/** W3C Trace Context's proposal for responses: https://www.w3.org/TR/trace-context-2/ ("Server-Timing", editors' draft). */
function addServerTiming(response: ServerResponse, { context }: ServerRequest): void {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return;
  const flags = span.traceFlags & TraceFlags.SAMPLED;
  response.setHeader("Server-Timing", `trace;desc=00-${span.traceId}-${span.spanId}-0${flags}`);
}

/** Until the head is written, which an app can do by `writeHead` or leave to the first `write`: both come by here. */
function addResponseTime(response: ServerResponse, { arrivedAt }: ServerRequest): void {
  const start = arrivedAt ?? performance.now();
  const { writeHead } = response;
  response.writeHead = function writeHeadWithTime(this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (!this.headersSent && !this.hasHeader("X-Response-Time")) {
      this.setHeader("X-Response-Time", `${(performance.now() - start).toFixed(3)}ms`);
    }
    return Reflect.apply(writeHead, this, args) as ServerResponse;
  };
}

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
  if (adders.length === 0) return undefined;
  return (response, request) => {
    acceptHeaderPairs(response);
    for (const add of adders) add(response, request);
  };
}

const ACCEPTS_PAIRS: unique symbol = Symbol("redtrail.accepts-header-pairs");

interface ResponseClass {
  writeHead: (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  [ACCEPTS_PAIRS]?: true;
}

/**
 * `writeHead(200, [[name, value], ...])`, such as `[...new Headers()]`, works while a response has no headers, though Node documents
 * a flat list alone; with ours it has some, and Node refuses the pairs. They are flattened, in the class, once.
 */
function acceptHeaderPairs(response: ServerResponse): void {
  let responseClass = Object.getPrototypeOf(response) as ResponseClass;
  while (!Object.hasOwn(responseClass, "writeHead"))
    responseClass = Object.getPrototypeOf(responseClass) as ResponseClass;
  if (responseClass[ACCEPTS_PAIRS] === true) return;
  responseClass[ACCEPTS_PAIRS] = true;
  const { writeHead } = responseClass;
  responseClass.writeHead = function writeHeadOfPairs(this: ServerResponse, ...args: unknown[]): ServerResponse {
    const headers = args.at(-1);
    if (
      Array.isArray(headers) &&
      headers.length > 0 &&
      headers.every((one) => Array.isArray(one) && one.length === 2)
    ) {
      args[args.length - 1] = headers.flat(1);
    }
    return Reflect.apply(writeHead, this, args);
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

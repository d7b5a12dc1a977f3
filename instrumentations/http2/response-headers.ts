// What redtrail adds to a response of HTTP/2, of the compatibility API and of the streams' own alike: both answer by `respond`.
import type { ServerHttp2Stream } from "node:http2";
import { log } from "../../src/diagnostics/log.ts";
import { responseTimeSince, serverTimingOf } from "../http/response-headers.ts";
import type { ServerRequest } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type Http2Headers, copyHeaders, headerIn, setHeader } from "./headers.ts";

/** The values of the headers that a response gets; undefined for those that have none. */
type OwnHeaders = readonly { readonly name: string; readonly valueOf: (exchange: Answering) => string | undefined }[];

/** What a response answers. */
export interface Answering {
  readonly state: ServerRequest;
  /** Of `performance.now()`. */
  readonly startedAt: number;
  /** Called when the head of the response has been sent. */
  readonly onHead: ((statusCode: number | undefined) => void) | undefined;
}

const ANSWERING: unique symbol = Symbol("redtrail.answering");
const PATCHED: unique symbol = Symbol("redtrail.patched");

type Stream = ServerHttp2Stream & { [ANSWERING]?: Answering };
type Respond = (this: Stream, ...args: unknown[]) => unknown;
interface StreamClass {
  respond: Respond;
  respondWithFD: Respond;
  respondWithFile: Respond;
  [PATCHED]?: true;
}

/** Returns what makes the stream's response carry the headers; a header of the same name that the app sets takes the place of ours. */
export function createStreamHeaders({
  requestId: { echo, headers },
  propagation: { serverTiming, responseTime },
}: Pick<InstrumentationHost, "requestId" | "propagation">): (stream: ServerHttp2Stream, answering: Answering) => void {
  const own: OwnHeaders = [
    ...(echo ? [{ name: headers[0] as string, valueOf: ({ state }: Answering) => state.requestId }] : []),
    ...(serverTiming
      ? [{ name: "server-timing", valueOf: ({ state }: Answering) => serverTimingOf(state.context) }]
      : []),
    ...(responseTime
      ? [{ name: "x-response-time", valueOf: ({ startedAt }: Answering) => responseTimeSince(startedAt) }]
      : []),
  ];

  function withOwn(given: unknown, answering: Answering): unknown {
    // What is no headers Node refuses, or has an answer to.
    if (own.length === 0 || given === null || (typeof given !== "object" && given !== undefined)) return given;
    const copy = copyHeaders(given as Http2Headers | null | undefined);
    for (const { name, valueOf } of own) {
      const value = headerIn(copy, name) === undefined ? valueOf(answering) : undefined;
      if (value !== undefined) setHeader(copy, name, value);
    }
    return copy;
  }

  /** `at`: which argument the headers are. */
  function patch(streamClass: StreamClass, method: "respond" | "respondWithFD" | "respondWithFile", at: number): void {
    const original = streamClass[method];
    streamClass[method] = function respondWithOwn(this: Stream, ...args) {
      const answering = this[ANSWERING];
      if (answering === undefined) return original.apply(this, args);
      try {
        args[at] = withOwn(args[at], answering);
      } catch (error) {
        log.warnSometimes("http2 response", `a response has no headers of ours (${String(error)})`);
      }
      const result = original.apply(this, args);
      answering.onHead?.(statusOf(this));
      return result;
    };
  }

  return (stream, answering) => {
    (stream as Stream)[ANSWERING] = answering;
    // All servers share one class, which nobody can get at without a stream.
    const streamClass = Object.getPrototypeOf(stream) as StreamClass;
    if (Object.hasOwn(streamClass, PATCHED)) return;
    streamClass[PATCHED] = true;
    patch(streamClass, "respond", 0);
    patch(streamClass, "respondWithFD", 1);
    patch(streamClass, "respondWithFile", 1);
  };
}

/** Undefined until the head of the response has been sent. */
export function statusOf({ headersSent, sentHeaders }: ServerHttp2Stream): number | undefined {
  return headersSent ? Number(sentHeaders[":status"]) : undefined;
}

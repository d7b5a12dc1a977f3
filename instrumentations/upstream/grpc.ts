// Spans of gRPC calls by the conventions: name, and what counts as an error on which side.
// https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
import type { EventEmitter } from "node:events";
import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { GRPC_STATUS } from "../../src/metrics/families.ts";
import { ATTR } from "../../src/semconv.ts";
import type { EndingSpan } from "./spans.ts";

const CANCELLED = 1;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const CLOCKS_DIFFER_BY_MS = 50;
/** Others tell the caller what it did wrong, as HTTP's 4xx do. */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  ...["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
]);

export function finishGrpcSpan(span: EndingSpan): void {
  // Upstream's is `grpc.package.Service/Method`.
  span.updateName(span.name.replace(/^grpc\./, ""));
  const { "grpc.error_name": failure, "grpc.error_message": message } = span.attributes;
  let code = span.attributes["rpc.grpc.status_code"];
  // An error of the app's own, without a code: gRPC sends UNKNOWN for it.
  if (code === undefined && failure !== undefined) span.setAttribute("rpc.grpc.status_code", (code = UNKNOWN));
  const status = typeof code === "number" ? GRPC_STATUS[code] : undefined;
  if (status === undefined || status === "OK") return;
  if (span.kind === SpanKind.SERVER && !SERVER_ERRORS.has(status)) {
    // The SDK takes no status back.
    span.status = { code: SpanStatusCode.UNSET };
    return;
  }
  span.setAttribute(ATTR.errorType, status);
  // Upstream sets it without the message.
  if (typeof message === "string") span.setStatus({ code: SpanStatusCode.ERROR, message });
}

type ServerCall = EventEmitter & { readonly getDeadline?: () => Date | number };

/** Upstream ends a server's span when the handler answers: not when it throws, nor when the caller has gone and nobody will. */
export function endWithHandler([call]: readonly unknown[], span: Span, error: unknown): void {
  if (error !== undefined) {
    endFailed(span, UNKNOWN, error instanceof Error ? error.message : String(error));
    return;
  }
  const { getDeadline } = call as ServerCall;
  (call as ServerCall).once("cancelled", () => {
    // The caller's clock is ahead by what the call took to come here, and tells of its deadline by cancelling.
    const isLate = Number(getDeadline?.call(call)) <= Date.now() + CLOCKS_DIFFER_BY_MS;
    endFailed(span, isLate ? DEADLINE_EXCEEDED : CANCELLED, isLate ? "deadline exceeded" : "cancelled by the caller");
  });
}

function endFailed(span: Span, code: number, message: string): void {
  if (!span.isRecording()) return;
  span.setAttributes({ "rpc.grpc.status_code": code, "grpc.error_message": message });
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
}

// Spans of gRPC calls by the conventions: name, and what counts as an error on which side.
// https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { GRPC_STATUS } from "../../src/metrics/families.ts";
import { ATTR } from "../../src/semconv.ts";
import type { EndingSpan } from "./spans.ts";

const UNKNOWN = 2;
/** Others tell the caller what it did wrong, as HTTP's 4xx do. */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  ...["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
]);

export function finishGrpcSpan(span: EndingSpan): void {
  // Upstream's is `grpc.package.Service/Method`.
  span.updateName(span.name.replace(/^grpc\./, ""));
  let code = span.attributes["rpc.grpc.status_code"];
  // An error of the app's own, without a code: gRPC sends UNKNOWN for it.
  if (code === undefined && span.attributes["grpc.error_name"] !== undefined) {
    code = UNKNOWN;
    span.setAttribute("rpc.grpc.status_code", UNKNOWN);
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(span.attributes["grpc.error_message"]) });
  }
  const status = typeof code === "number" ? GRPC_STATUS[code] : undefined;
  if (status === undefined || status === "OK") return;
  if (span.kind === SpanKind.SERVER && !SERVER_ERRORS.has(status)) {
    // The SDK takes no status back.
    span.status = { code: SpanStatusCode.UNSET };
    return;
  }
  span.setAttribute(ATTR.errorType, status);
}

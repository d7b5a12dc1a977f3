// Hands the request log to the OpenTelemetry logs API, as events whose attributes have the semantic conventions' names.
// https://opentelemetry.io/docs/specs/otel/logs/data-model/
import { type Attributes, type Logger, SeverityNumber, logs } from "@opentelemetry/api";
import { ATTR } from "../semconv.ts";
import { VERSION } from "../version.ts";
import type { WriteRequest } from "./record.ts";

const EVENT_NAME = "http.server.request";
/** Ours: seconds, under the name of the metric that measures the same. */
const DURATION = "http.server.request.duration";

export function createOtlpSink(): WriteRequest {
  // Not now: a logger of the time before the provider is registered, maybe by another copy of the API, hears nothing of it.
  let logger: Logger | undefined;
  return ({ startTime, durationMs, attributes, requestId, context, route, statusCode, errorType, method }) => {
    const isError = statusCode !== undefined && statusCode >= 500;
    const own: Attributes = {
      ...attributes,
      [ATTR.requestMethod]: method,
      [DURATION]: durationMs / 1_000,
    };
    if (requestId !== undefined) own[ATTR.requestId] = requestId;
    if (route !== undefined) own[ATTR.route] = route;
    if (statusCode !== undefined) own[ATTR.responseStatusCode] = statusCode;
    if (errorType !== undefined) own[ATTR.errorType] = errorType;
    logger ??= logs.getLogger("redtrail/request-log", VERSION);
    logger.emit({
      eventName: EVENT_NAME,
      timestamp: startTime,
      severityNumber: isError ? SeverityNumber.ERROR : SeverityNumber.INFO,
      severityText: isError ? "ERROR" : "INFO",
      attributes: own,
      context,
    });
  };
}

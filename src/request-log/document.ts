// Writes a request as one JSON object: in the Elastic Common Schema, in the flat names of the request log that many have
// already (timestamp, request_id, method, path, status_code, response_time), or both.
// https://www.elastic.co/docs/reference/ecs/ecs-field-reference
import type { Attributes } from "@opentelemetry/api";
import { isSpanContextValid } from "@opentelemetry/api";
import type { RequestLogSchema } from "../config/config.ts";
import { ATTR, ERROR_TYPE } from "../semconv.ts";
import type { RequestRecord } from "./record.ts";

export interface DocumentOptions {
  readonly schema: RequestLogSchema;
  /** Of the service. */
  readonly resourceAttributes: Attributes;
  /** `data_stream.*`, when the records go to one. */
  readonly constants?: Readonly<Record<string, string>>;
}

/** The version of ECS that the names below are from. */
const ECS_VERSION = "8.17.0";
/** Longer paths, queries and user agents are cut: one client must not decide how large the index gets. */
const MAX_TEXT = 1_024;

type Fields = Record<string, string | number | boolean | undefined>;

/** Returns one line without a line break. */
export function createDocumentWriter({ schema, resourceAttributes, constants = {} }: DocumentOptions) {
  const service = serviceFields(resourceAttributes);
  const ecsConstants = { ...service, ...constants, "ecs.version": ECS_VERSION };

  return function writeDocument(record: RequestRecord): string {
    const { attributes, durationMs, requestId, spanContext, statusCode, errorType } = record;
    const path = cut(textOf(attributes, ATTR.urlPath));
    const isTraced = isSpanContextValid(spanContext);
    const fields: Fields = { "@timestamp": new Date(record.startTime).toISOString() };
    if (schema !== "ecs") {
      fields["timestamp"] = record.startTime / 1_000;
      fields["request_id"] = requestId;
      fields["method"] = record.method;
      fields["path"] = path;
      fields["status_code"] = statusCode;
      fields["response_time"] = Math.round(durationMs * 1_000) / 1_000;
    }
    if (schema === "article") {
      if (isTraced) Object.assign(fields, { trace_id: spanContext.traceId, span_id: spanContext.spanId });
      return JSON.stringify(Object.assign(fields, { "service.name": service["service.name"] }, constants));
    }
    fields["http.request.id"] = requestId;
    fields["http.request.method"] = record.method;
    fields["http.response.status_code"] = statusCode;
    fields["http.version"] = optional(attributes, ATTR.networkProtocolVersion);
    fields["http.route"] = record.route;
    fields["url.path"] = path;
    const query = optional(attributes, ATTR.urlQuery);
    fields["url.query"] = query === undefined ? undefined : cut(query);
    fields["url.scheme"] = optional(attributes, ATTR.urlScheme);
    fields["url.domain"] = optional(attributes, ATTR.serverAddress);
    fields["event.duration"] = Math.round(durationMs * 1e6);
    fields["event.outcome"] = outcomeOf(record);
    fields["event.category"] = "web";
    fields["event.kind"] = "event";
    fields["error.type"] = errorType;
    if (isTraced) {
      fields["trace.id"] = spanContext.traceId;
      fields["span.id"] = spanContext.spanId;
      fields["transaction.id"] = spanContext.spanId;
    }
    fields["client.address"] = optional(attributes, ATTR.clientAddress);
    const agent = optional(attributes, ATTR.userAgent);
    fields["user_agent.original"] = agent === undefined ? undefined : cut(agent);
    return JSON.stringify(Object.assign(fields, ecsConstants));
  };
}

/** By ECS: a client's mistake is no failure of the service, and of a request without an answer nothing is known. */
function outcomeOf({ statusCode, errorType }: RequestRecord): "success" | "failure" | "unknown" {
  if (errorType === ERROR_TYPE.clientAborted) return "unknown";
  if (errorType !== undefined) return "failure";
  return statusCode === undefined ? "unknown" : "success";
}

function serviceFields(resource: Attributes): Record<string, string> {
  const names = {
    "service.name": "service.name",
    "service.version": "service.version",
    "service.environment": "deployment.environment.name",
    "service.node.name": "service.instance.id",
    "host.name": "host.name",
  };
  const fields: Record<string, string> = {};
  for (const [ecs, attribute] of Object.entries(names)) {
    const value = resource[attribute];
    if (value !== undefined) fields[ecs] = String(value);
  }
  return fields;
}

function textOf(attributes: Attributes, key: string): string {
  return optional(attributes, key) ?? "";
}

function optional(attributes: Attributes, key: string): string | undefined {
  const value = attributes[key];
  return value === undefined ? undefined : String(value);
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT).toWellFormed();
}

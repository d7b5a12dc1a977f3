// The index template: which fields are searched, as what. Nothing outside of it is indexed, so that no client makes fields.
import { isDataStream, templatePattern } from "./index-name.ts";

export const TEMPLATE_NAME = "redtrail-requests";

const keyword = { type: "keyword", ignore_above: 1_024 } as const;
const long = { type: "long" } as const;

const FIELDS = {
  "@timestamp": { type: "date" },
  "http.request.id": keyword,
  "http.request.method": keyword,
  "http.response.status_code": long,
  "http.version": keyword,
  "http.route": keyword,
  "url.path": keyword,
  "url.query": keyword,
  "url.scheme": keyword,
  "url.domain": keyword,
  "event.duration": long,
  "event.outcome": keyword,
  "event.category": keyword,
  "event.kind": keyword,
  "error.type": keyword,
  "trace.id": keyword,
  "span.id": keyword,
  "transaction.id": keyword,
  "client.address": keyword,
  "user_agent.original": keyword,
  "service.name": keyword,
  "service.version": keyword,
  "service.environment": keyword,
  "service.node.name": keyword,
  "host.name": keyword,
  "ecs.version": keyword,
} as const;

/** Of the schemas `article` and `both`. */
const ARTICLE_FIELDS = {
  timestamp: { type: "date", format: "epoch_second" },
  request_id: keyword,
  method: keyword,
  path: keyword,
  status_code: long,
  response_time: { type: "double" },
  trace_id: keyword,
  span_id: keyword,
} as const;

/** Body of `PUT _index_template/redtrail-requests` for Elasticsearch 8 and 9 and OpenSearch 2. */
export function indexTemplate(indexPattern: string): object {
  const dataStream = isDataStream(indexPattern)
    ? {
        "data_stream.type": keyword,
        "data_stream.dataset": keyword,
        "data_stream.namespace": keyword,
      }
    : {};
  return {
    index_patterns: [templatePattern(indexPattern)],
    // Over the templates that Elasticsearch comes with (100), under those that people write (500 by its advice).
    priority: 250,
    ...(isDataStream(indexPattern) ? { data_stream: {} } : {}),
    template: {
      mappings: { dynamic: false, properties: nest({ ...FIELDS, ...dataStream, ...ARTICLE_FIELDS }) },
    },
    _meta: { description: "Request log of redtrail" },
  };
}

type Mapping = Readonly<Record<string, unknown>>;

/** `{"url.path": x}` as `{url: {properties: {path: x}}}`: dotted names in a template are not understood by all versions. */
function nest(fields: Readonly<Record<string, Mapping>>): Record<string, Mapping> {
  const tree: Record<string, { properties?: Record<string, Mapping> } & Record<string, unknown>> = {};
  for (const [name, mapping] of Object.entries(fields)) {
    const parts = name.split(".");
    const leaf = parts.pop() as string;
    let level = tree;
    for (const part of parts) {
      level[part] ??= { properties: {} };
      level = level[part].properties as typeof tree;
    }
    level[leaf] = { ...mapping };
  }
  return tree;
}

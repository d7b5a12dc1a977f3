// The request log: one record of each request, sampled or not, to the sinks that REDTRAIL_REQUEST_LOG names.
import type { Attributes } from "@opentelemetry/api";
import { isSpanContextValid } from "@opentelemetry/api";
import type { Config } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import type { Delivery } from "../exporters/delivery/delivery.ts";
import { ElasticsearchExporter } from "../exporters/elasticsearch/exporter.ts";
import { dataStreamFields } from "../exporters/elasticsearch/index-name.ts";
import { createGlobTest } from "../glob.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { ATTR } from "../semconv.ts";
import { ConsoleSink } from "./console-sink.ts";
import { createDocumentWriter } from "./document.ts";
import { createOtlpSink } from "./otlp-sink.ts";
import type { RequestRecord, WriteRequest } from "./record.ts";

export interface RequestLog {
  readonly write: WriteRequest;
  /** To Elasticsearch; undefined when it goes elsewhere. */
  readonly delivery: Delivery | undefined;
  /** Writes out what waits for stdout. */
  flushConsole(): void;
}

/** Undefined when nobody takes it, so that no request pays for it. */
export function createRequestLog(
  { requestLog: config, spool }: Pick<Config, "requestLog" | "spool">,
  resourceAttributes: Attributes,
  redactor: Pick<Redactor, "attributes">,
): RequestLog | undefined {
  if (config.sinks.length === 0) return undefined;
  const isExcluded = createGlobTest(config.exclude);
  const elasticsearch = config.sinks.includes("elasticsearch")
    ? new ElasticsearchExporter({ config: config.elasticsearch, limits: config.limits, spool })
    : undefined;
  const console = config.sinks.includes("console") ? new ConsoleSink() : undefined;
  const constants = elasticsearch === undefined ? {} : dataStreamFields(config.elasticsearch.index);
  const writeDocument = createDocumentWriter({ schema: config.schema, resourceAttributes, constants });
  const sinks: WriteRequest[] = [];
  if (elasticsearch !== undefined || console !== undefined) {
    sinks.push((record) => {
      const document = writeDocument(record);
      elasticsearch?.add(document, record.startTime, documentId(record));
      console?.add(document);
    });
  }
  if (config.sinks.includes("otlp")) sinks.push(createOtlpSink());

  return {
    delivery: elasticsearch?.delivery,
    flushConsole: () => console?.flush(),
    write: (record) => {
      try {
        if (isExcluded(String(record.attributes[ATTR.urlPath]))) return;
        const attributes = { ...record.attributes };
        redactor.attributes(attributes);
        const redacted = { ...record, attributes };
        for (const sink of sinks) sink(redacted);
      } catch (error) {
        log.warnSometimes("request log", `a request could not be logged (${String(error)})`);
      }
    },
  };
}

function documentId({ spanContext }: RequestRecord): string | undefined {
  return isSpanContextValid(spanContext) ? spanContext.traceId + spanContext.spanId : undefined;
}

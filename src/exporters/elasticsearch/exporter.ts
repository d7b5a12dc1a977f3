// Delivers the request log to Elasticsearch or OpenSearch.
import type { Config, ElasticsearchConfig } from "../../config/config.ts";
import { log } from "../../diagnostics/log.ts";
import { Delivery, type DeliveryLimits } from "../delivery/delivery.ts";
import { createHttpClient } from "../delivery/http-client.ts";
import { type SendResult, printable, resultOf } from "../delivery/send-result.ts";
import { type Destination, createTargets } from "../delivery/target.ts";
import {
  BULK_CONTENT_TYPE,
  BULK_PATH,
  MAX_BULK_ANSWER_BYTES,
  bulkBody,
  bulkItem,
  bulkResult,
  splitBulkItem,
} from "./bulk.ts";
import { DeadLetterFile } from "./dead-letters.ts";
import { createIndexNamer } from "./index-name.ts";
import { TEMPLATE_NAME, indexTemplate } from "./template.ts";

export interface ElasticsearchOptions {
  readonly config: ElasticsearchConfig;
  readonly limits: DeliveryLimits;
  readonly spool: Config["spool"];
}

export class ElasticsearchExporter {
  readonly delivery: Delivery;
  readonly #indexName: (time: number) => string;
  readonly #hasIds: boolean;

  constructor({ config, limits, spool }: ElasticsearchOptions) {
    const { destination, index, ids, installTemplate, deadLetterFile } = config;
    const deadLetters = deadLetterFile === undefined ? undefined : new DeadLetterFile(deadLetterFile);
    this.#indexName = createIndexNamer(index);
    this.#hasIds = ids === "span";
    this.delivery = new Delivery({
      name: "Elasticsearch",
      itemsName: "records",
      destination: { ...destination, urls: destination.urls.map((url) => withPath(url, BULK_PATH)) },
      contentType: BULK_CONTENT_TYPE,
      limits,
      encode: bulkBody,
      interpret: bulkResult,
      maxAnswerBytes: MAX_BULK_ANSWER_BYTES,
      spool: { ...spool, kind: "elasticsearch" },
      ...(installTemplate ? { prepare: templateInstaller(destination, index) } : {}),
      onRejected: (item, reason, detail) => deadLetters?.add({ ...splitBulkItem(item), reason, detail }),
      backoff: { initialBackoffMs: 200, maxBackoffMs: 30_000 },
    });
  }

  /** `time`: milliseconds since 1970; `id`: the same for each try, undefined where there is none. */
  add(document: string, time: number, id: string | undefined): void {
    this.delivery.add(bulkItem(this.#indexName(time), this.#hasIds ? id : undefined, document));
  }
}

/** Installs the template unless there is one of its name; records wait for it, because it decides what becomes of them. */
function templateInstaller(destination: Destination, index: string): () => Promise<SendResult> {
  const path = `/_index_template/${TEMPLATE_NAME}?create=true`;
  const urls = destination.urls.map((url) => withPath(url, path));
  const targets = createTargets({ ...destination, urls }, "application/json").map((target) => ({
    ...target,
    request: { ...target.request, method: "PUT" },
  }));
  const client = createHttpClient({ targets, timeoutMs: destination.timeoutMs });
  return async () => {
    const reply = await client.post(Buffer.from(JSON.stringify(indexTemplate(index))));
    const result = resultOf(reply);
    if (result.kind === "retry" && result.hint === undefined) return result;
    if (result.kind === "ok") log.info(`index template "${TEMPLATE_NAME}" is installed`);
    else if (!("failure" in reply) && reply.text.includes("already exists"))
      log.debug(`index template "${TEMPLATE_NAME}" is there`);
    else {
      const why = "failure" in reply ? reply.failure : `${reply.status} ${printable(reply.text)}`;
      log.warn(`index template "${TEMPLATE_NAME}" could not be installed (${why}); going on without it`);
    }
    return { kind: "ok" };
  };
}

/** Keeps a path that a proxy wants: `https://proxy/es` and `/_bulk` are `https://proxy/es/_bulk`. */
function withPath(base: string, path: string): string {
  const url = new URL(base);
  const [pathname = "", query = ""] = path.split("?");
  url.pathname = url.pathname.replace(/\/+$/, "") + pathname;
  url.search = query;
  url.hash = "";
  return url.href;
}

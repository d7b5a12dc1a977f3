// Where a job carries its request: as BullMQ's own telemetry does it, so that consumers that have that understand us, and we them.
// `opts.telemetry.metadata` (`tm` in Redis): {"traceparent":"00-...","x-request-id":"...","x-sent-at":"1795600000000"}
import { context as contextApi } from "@opentelemetry/api";
import { SENT_AT, injectHeaders } from "../../src/messaging/headers.ts";
import { type MessageHeaders, parseHeaders } from "../../src/messaging/message.ts";

export interface JobTelemetry {
  readonly metadata?: string;
  /** The app wants nothing of the sender in the job. */
  readonly omitContext?: boolean;
}
export interface JobOptions {
  readonly telemetry?: JobTelemetry;
  readonly jobId?: string;
  /** Milliseconds. */
  readonly delay?: number;
  readonly repeat?: unknown;
}

/** Empty where there is none, or none that can be read. */
export function readMetadata(options: JobOptions | undefined): MessageHeaders {
  const metadata = options?.telemetry?.metadata;
  return typeof metadata === "string" ? { ...parseHeaders(metadata) } : {};
}

/**
 * The same options with `headers`. What a job that is passed on carries (`queue.add(job.name, job.data, job.opts)`) gives way to them; what is no
 * JSON of headers stays, and so does the wish to carry nothing.
 */
export function withMetadata<Options extends JobOptions>(
  options: Options | undefined,
  headers: MessageHeaders,
): Options | JobOptions | undefined {
  const old = options?.telemetry?.metadata;
  const carried = old === undefined ? headers : passedOn(old, headers);
  if (carried === undefined || !takesMetadata(options)) return options;
  return { ...options, telemetry: { ...options?.telemetry, metadata: JSON.stringify(carried) } };
}

/** The active context is that of the call. */
function passedOn(old: string, headers: MessageHeaders): MessageHeaders | undefined {
  const carried = parseHeaders(old);
  if (carried === undefined) return undefined;
  injectHeaders(contextApi.active(), carried);
  return { ...carried, [SENT_AT]: headers[SENT_AT] };
}

/**
 * A schedule carries nothing: each of its runs is a request of its own, for as long as it runs. Else all of them would be of the
 * request that has set it up, months ago.
 */
function takesMetadata(options: JobOptions | undefined): boolean {
  const { telemetry, repeat } = options ?? {};
  return repeat === undefined && telemetry?.omitContext !== true;
}

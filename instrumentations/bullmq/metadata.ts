// Where a job carries its request: as BullMQ's own telemetry does it, so that consumers that have that understand us, and we them.
// `opts.telemetry.metadata` (`tm` in Redis): {"traceparent":"00-...","x-request-id":"...","x-sent-at":"1795600000000"}
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

/** The same options with `headers`; as they are where the app has said what the job shall carry, or that it is nothing. */
export function withMetadata<Options extends JobOptions>(
  options: Options | undefined,
  headers: MessageHeaders,
): Options | JobOptions | undefined {
  if (!takesMetadata(options)) return options;
  return { ...options, telemetry: { ...options?.telemetry, metadata: JSON.stringify(headers) } };
}

/**
 * A schedule carries nothing: each of its runs is a request of its own, for as long as it runs. Else all of them would be of the
 * request that has set it up, months ago.
 */
function takesMetadata(options: JobOptions | undefined): boolean {
  const { telemetry, repeat } = options ?? {};
  return repeat === undefined && telemetry?.metadata === undefined && telemetry?.omitContext !== true;
}

// Jobs that a worker processes: a CONSUMER span for each attempt, around the processor and nothing of BullMQ's own work.
import type { Attributes } from "@opentelemetry/api";
import type { MessagingConfig } from "../../src/config/config.ts";
import { SENT_AT, type MessageHeaders } from "../../src/messaging/headers.ts";
import { isPromise } from "../../src/messaging/run.ts";
import { processMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { wrapKnownMethod } from "../wrap-method.ts";
import { type JobOptions, readMetadata } from "./metadata.ts";

export interface Job {
  readonly id?: string;
  readonly name?: string;
  readonly opts?: JobOptions;
  /** Epoch milliseconds at which it was added. */
  readonly timestamp?: number;
  readonly attemptsMade?: number;
  /** Of jobs that a schedule has made. */
  readonly repeatJobKey?: string;
}
interface Worker {
  readonly name: string;
  readonly opts?: { readonly telemetry?: unknown };
}
type CallProcessor = (this: Worker, job: Job, ...rest: unknown[]) => unknown;

/** What a processor throws to put its job off: the job has not failed. */
const NOT_FAILURES = new Set(["DelayedError", "WaitingChildrenError", "WaitingError", "RateLimitError"]);
const RATE_LIMITED = "bullmq:rateLimitExceeded";

export function watchWorker(
  worker: object | undefined,
  { tracer, messaging }: Pick<InstrumentationHost, "tracer" | "messaging">,
): void {
  wrapKnownMethod<CallProcessor>(
    "bullmq",
    worker,
    "callProcessJob",
    (callProcessor) =>
      function callProcessorInContext(job, ...rest) {
        if (this.opts?.telemetry !== undefined) return callProcessor.call(this, job, ...rest);
        const message = {
          system: "bullmq",
          destination: this.name,
          headers: headersOf(job),
          attributes: attributesOf(job),
        };
        const outcome = processMessage(tracer, settingsFor(job, messaging), message, () =>
          attempt(() => callProcessor.call(this, job, ...rest)),
        );
        return outcome instanceof Promise ? outcome.then(resultOf) : resultOf(outcome);
      },
  );
}

/** A job has waited since it was due, not since it was added. Parents of flows do not say, and jobs of others are asked themselves. */
export function headersOf({ opts, timestamp }: Job): MessageHeaders {
  const headers = readMetadata(opts);
  const sentAt = headers[SENT_AT] ?? timestamp;
  if (sentAt === undefined || sentAt === "") return headers;
  return { ...headers, [SENT_AT]: String(Number(sentAt) + (opts?.delay ?? 0)) };
}

/** A run of a schedule that somebody else's telemetry has given the trace of its first: that would grow for ever. */
function settingsFor({ repeatJobKey }: Job, messaging: MessagingConfig): MessagingConfig {
  const mode = messaging.modes["bullmq"] ?? messaging.mode;
  return repeatJobKey === undefined || mode !== "auto" ? messaging : { ...messaging, mode: "link", modes: {} };
}

function attributesOf({ id, name, attemptsMade }: Job): Attributes {
  const attributes: Attributes = {};
  if (id !== undefined) attributes["messaging.message.id"] = id;
  if (name !== undefined) attributes["bullmq.job.name"] = name;
  if (attemptsMade !== undefined) attributes["bullmq.job.attempts.made"] = attemptsMade;
  return attributes;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

/** What puts a job off is no failure, and comes back as an outcome; a processor that is not async gives none of its promises. */
function attempt(run: () => unknown): Outcome | Promise<Outcome> {
  try {
    const result = run();
    return isPromise(result) ? result.then((value) => ({ result: value }), excuse) : { result };
  } catch (error) {
    return excuse(error);
  }
}

function excuse(error: unknown): Outcome {
  if (isFailure(error)) throw error;
  return { error };
}

function resultOf(outcome: Outcome): unknown {
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

function isFailure(error: unknown): boolean {
  const { name, message } = (error ?? {}) as { readonly name?: unknown; readonly message?: unknown };
  return !(typeof name === "string" && NOT_FAILURES.has(name)) && message !== RATE_LIMITED;
}

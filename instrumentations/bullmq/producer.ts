// Jobs that are added: one, several, or a flow of parents and children. One PRODUCER span for each call.
import { type Attributes, trace } from "@opentelemetry/api";
import { SENT_AT, type MessageHeaders } from "../../src/messaging/headers.ts";
import type { Message } from "../../src/messaging/message.ts";
import { isSilent, sendMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { wrapKnownMethod } from "../wrap-method.ts";
import { type JobOptions, withMetadata } from "./metadata.ts";

interface Queue {
  readonly name: string;
  readonly opts?: { readonly telemetry?: unknown };
}
interface Added {
  readonly id?: unknown;
}
interface BulkJob {
  readonly name: string;
  readonly opts?: JobOptions;
}
interface FlowJob extends BulkJob {
  readonly queueName: string;
  readonly children?: readonly FlowJob[] | null;
}
interface FlowProducer {
  readonly telemetry?: unknown;
  readonly opts?: { readonly telemetry?: unknown };
}
type Add = (this: Queue, name: string, data: unknown, options?: JobOptions) => Promise<Added>;
type AddBulk = (this: Queue, jobs: readonly BulkJob[]) => Promise<readonly Added[]>;
type AddFlow = (this: FlowProducer, flow: FlowJob, ...rest: unknown[]) => Promise<{ readonly job?: Added } | undefined>;
type AddFlows = (this: FlowProducer, flows: readonly FlowJob[]) => Promise<unknown>;

const MESSAGE_ID = "messaging.message.id";
const COUNT = "messaging.batch.message_count";
const JOB_NAME = "bullmq.job.name";

export function watchQueue(queue: object | undefined, { tracer }: Pick<InstrumentationHost, "tracer">): void {
  wrapKnownMethod<Add>(
    "bullmq",
    queue,
    "add",
    (add) =>
      function addWithContext(name, data, options) {
        if (isLeftAlone(this)) return add.call(this, name, data, options);
        return sendMessage(tracer, "add", to(this.name, { [JOB_NAME]: name }), (headers) =>
          noteId(add.call(this, name, data, withMetadata(options, headers)), (job) => job),
        );
      },
  );
  wrapKnownMethod<AddBulk>(
    "bullmq",
    queue,
    "addBulk",
    (addBulk) =>
      function addBulkWithContext(jobs) {
        if (isLeftAlone(this) || !Array.isArray(jobs)) return addBulk.call(this, jobs);
        return sendMessage(tracer, "add", to(this.name, { [COUNT]: jobs.length }), (headers) =>
          addBulk.call(
            this,
            jobs.map((job: BulkJob) => withHeaders(job, headers)),
          ),
        );
      },
  );
}

export function watchFlowProducer(flows: object | undefined, { tracer }: Pick<InstrumentationHost, "tracer">): void {
  wrapKnownMethod<AddFlow>(
    "bullmq",
    flows,
    "add",
    (add) =>
      function addFlowWithContext(flow, ...rest) {
        if (isLeftAlone(this)) return add.call(this, flow, ...rest);
        const attributes = { [JOB_NAME]: flow.name, [COUNT]: countJobs([flow]) };
        return sendMessage(tracer, "add", to(flow.queueName, attributes), (headers) =>
          noteId(add.call(this, withFlowHeaders(flow, headers), ...rest), (tree) => tree?.job),
        );
      },
  );
  wrapKnownMethod<AddFlows>(
    "bullmq",
    flows,
    "addBulk",
    (addBulk) =>
      function addFlowsWithContext(all) {
        const [first] = all;
        if (isLeftAlone(this) || first === undefined) return addBulk.call(this, all);
        return sendMessage(tracer, "add", to(first.queueName, { [COUNT]: countJobs(all) }), (headers) =>
          addBulk.call(
            this,
            all.map((flow) => withFlowHeaders(flow, headers)),
          ),
        );
      },
  );
}

function to(destination: string, attributes: Attributes): Message {
  return { system: "bullmq", destination, headers: {}, attributes };
}

/** It has telemetry of the app's own, or nothing is to be traced. */
function isLeftAlone({ telemetry, opts }: FlowProducer): boolean {
  return telemetry !== undefined || opts?.telemetry !== undefined || isSilent();
}

function withHeaders<Job extends BulkJob>(job: Job, headers: MessageHeaders): Job {
  return { ...job, opts: withMetadata(job.opts, headers) };
}

/** A parent is due when its children are done, which may take hours: when it was sent says nothing of how long it has waited. */
function withFlowHeaders(flow: FlowJob, headers: MessageHeaders): FlowJob {
  const { children } = flow;
  if (!Array.isArray(children) || children.length === 0) return withHeaders(flow, headers);
  return {
    ...withHeaders(flow, { ...headers, [SENT_AT]: "" }),
    children: children.map((child) => withFlowHeaders(child, headers)),
  };
}

function countJobs(flows: readonly FlowJob[]): number {
  return flows.reduce((count, { children }) => count + 1 + countJobs(children ?? []), 0);
}

/** BullMQ makes the ids; the span of the call is the active one. */
async function noteId<Result>(adding: Promise<Result>, jobOf: (result: Result) => Added | undefined): Promise<Result> {
  const result = await adding;
  const id = jobOf(result)?.id;
  if (typeof id === "string") trace.getActiveSpan()?.setAttribute(MESSAGE_ID, id);
  return result;
}

// Redis streams as queues, by ioredis and by redis (node-redis), for the streams that REDTRAIL_MESSAGING_REDIS_STREAMS names: XADD is
// a PRODUCER span and carries the request in fields of the entry. Reading is a poll: withMessage runs what processes an entry.
import type { Tracer } from "@opentelemetry/api";
import { createGlobTest } from "../../src/glob.ts";
import type { Message } from "../../src/messaging/message.ts";
import { sendMessage, sendUntilDone } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { prototypeOf, wrapKnownMethod } from "../wrap-method.ts";
import { fieldsFor, textOf } from "./fields.ts";

/** Of ioredis. */
interface Command {
  readonly name: string;
  readonly args: unknown[];
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}
type SendCommand = (this: unknown, command: Command, ...rest: unknown[]) => unknown;
/** Of node-redis: `args` are the whole command. */
type AddCommand = (this: unknown, args: readonly unknown[], ...rest: unknown[]) => unknown;

/** Where ioredis has its three ways to send: a client, a cluster's client, a pipeline (which other clients send later). */
const IOREDIS_FILES = new Set(["built/Redis.js", "built/cluster/index.js", "built/Pipeline.js"]);
const NODE_REDIS_FILE = "dist/lib/client/commands-queue.js";

export function instrumentRedisStreams({
  tracer,
  messaging: { redisStreams = [] },
  modules,
}: Pick<InstrumentationHost, "tracer" | "messaging" | "modules">): void {
  if (redisStreams.length === 0) return;
  const isNamed = createGlobTest(redisStreams);
  const classOf = (exports: unknown): object | undefined =>
    prototypeOf((exports as { readonly default?: unknown } | undefined)?.default);
  modules.watch("ioredis", (exports, { file }) => {
    if (IOREDIS_FILES.has(file)) watchIoredis(classOf(exports), tracer, isNamed);
  });
  modules.watch("@redis/client", (exports, { file }) => {
    if (file === NODE_REDIS_FILE) watchNodeRedis(classOf(exports), tracer, isNamed);
  });
}

type IsNamed = (stream: string) => boolean;

function watchIoredis(client: object | undefined, tracer: Tracer, isNamed: IsNamed): void {
  wrapKnownMethod<SendCommand>(
    "ioredis",
    client,
    "sendCommand",
    (send) =>
      function sendWithContext(command, ...rest) {
        const stream = isAdd(command.name) && !seen.has(command) ? textOf(command.args[0]) : undefined;
        if (stream === undefined || !isNamed(stream)) return send.call(this, command, ...rest);
        seen.add(command);
        return sendUntilDone(tracer, "add", to(stream), (headers, done) => {
          command.args.push(...fieldsFor(command.args, headers));
          // Not by the command's promise: whoever waits for that decides whether its rejection is handled.
          const { resolve, reject } = command;
          command.resolve = (value) => {
            done();
            resolve(value);
          };
          command.reject = (error) => {
            done(error ?? "rejected");
            reject(error);
          };
          return send.call(this, command, ...rest);
        });
      },
  );
}

/** A command passes several times: the offline queue, a cluster's redirections, a pipeline. */
const seen = new WeakSet<Command>();

function watchNodeRedis(queue: object | undefined, tracer: Tracer, isNamed: IsNamed): void {
  wrapKnownMethod<AddCommand>(
    "redis",
    queue,
    "addCommand",
    (add) =>
      function addWithContext(args, ...rest) {
        const stream = isAdd(args[0]) ? textOf(args[1]) : undefined;
        if (stream === undefined || !isNamed(stream)) return add.call(this, args, ...rest);
        return sendMessage(tracer, "add", to(stream), (headers) =>
          add.call(this, [...args, ...fieldsFor(args.slice(1), headers)], ...rest),
        );
      },
  );
}

function isAdd(name: unknown): boolean {
  return name === "XADD" || name === "xadd" || (typeof name === "string" && name.toUpperCase() === "XADD");
}

function to(stream: string): Message {
  return { system: "redis", destination: stream, headers: {} };
}

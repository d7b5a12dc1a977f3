// SQS and SNS by the AWS SDK 3: one middleware on each client, where input and output pass.
import { log } from "../../src/diagnostics/log.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";
import { inPlaceOf, prototypeOf, wrapKnownMethod } from "../wrap-method.ts";
import { type ReceiveSettings, receive } from "./receive.ts";
import { type SendSettings, sendMany, sendOne } from "./send.ts";
import type { Args, Client, Next, ReceiveInput, ReceiveOutput, SendInput, SendOutput } from "./types.ts";

const CLIENTS = [
  ["@aws-sdk/client-sqs", "SQSClient"],
  ["@aws-sdk/client-sns", "SNSClient"],
] as const;

type Settings = SendSettings & ReceiveSettings;

export function instrumentAwsMessaging({ tracer, messaging, modules, options, requestId }: InstrumentationHost): void {
  const settings: Settings = {
    tracer,
    messaging,
    requestIdHeaders: requestId.headers,
    createSpans: options("aws-messaging", ["createSpans"])["createSpans"] !== false,
  };
  for (const [packageName, name] of CLIENTS) {
    modules.watch(packageName, (exports, { file }) => {
      if (file !== "") return;
      watchClient(prototypeOf(exportOf(exports, name)) ?? {}, packageName, settings);
    });
  }
}

const watchedClients = new WeakSet<Client>();

/** Exported for its test. */
export function watchClient(prototype: object, packageName: string, settings: Settings): void {
  wrapKnownMethod<Client["send"]>(
    packageName,
    prototype,
    "send",
    (send) =>
      function sendWatched(...args) {
        if (!watchedClients.has(this)) {
          watchedClients.add(this);
          addMiddleware(this, packageName, settings);
        }
        return send.apply(this, args);
      },
  );
}

function addMiddleware(client: Client, packageName: string, settings: Settings): void {
  try {
    client.middlewareStack.add(
      (next, { commandName }) => {
        const handle = handlerOf(commandName, settings);
        if (handle === undefined) return next;
        return inPlaceOf(`${commandName}`, next, (next) => (args) => handle(args, next));
      },
      // Behind the app's own: what they make of a message counts.
      { step: "initialize", priority: "low", name: "redtrailMessages" },
    );
  } catch (error) {
    log.warnSometimes(packageName, `a client of ${packageName} cannot be watched (${String(error)}); it works as ever`);
  }
}

type Handle = (args: Args<unknown>, next: Next<unknown, unknown>) => ReturnType<Next<unknown, unknown>>;

/** Once for each command; undefined of one that is not about messages. */
function handlerOf(commandName: string | undefined, settings: Settings): Handle | undefined {
  type Send = (args: Args<SendInput>, next: Next<SendInput, SendOutput>) => ReturnType<Next<SendInput, SendOutput>>;
  const sendBy = (send: Send): Handle => send as Handle;
  switch (commandName) {
    case "SendMessageCommand":
    case "PublishCommand":
      return sendBy((args, next) => sendOne(args, next, settings));
    case "SendMessageBatchCommand":
      return sendBy((args, next) => sendMany(args, next, "Entries", settings));
    case "PublishBatchCommand":
      return sendBy((args, next) => sendMany(args, next, "PublishBatchRequestEntries", settings));
    case "ReceiveMessageCommand":
      return ((args: Args<ReceiveInput>, next: Next<ReceiveInput, ReceiveOutput>) =>
        receive(args, next, settings)) as Handle;
    default:
      return undefined;
  }
}

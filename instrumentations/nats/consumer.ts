// What NATS delivers: to callbacks and to `for await` loops, of subscriptions and of JetStream's consumers.
import type { Attributes } from "@opentelemetry/api";
import { SENT_AT } from "../../src/messaging/headers.ts";
import { type OpenMessage, followLoop, touchMessage } from "../../src/messaging/message-loop.ts";
import { type Message, beginProcess, deliverMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { inPlaceOf, wrapGetter, wrapMethod } from "../wrap-method.ts";
import { type MsgHdrs, toRecord } from "./headers.ts";
import type { Protocol } from "./producer.ts";
import { isInbox, isPattern, isSystem } from "./subjects.ts";

interface Msg {
  readonly subject: string;
  readonly reply?: string;
  readonly headers?: MsgHdrs;
  readonly data: Uint8Array;
}
interface JsMsg extends Msg {
  readonly didAck: boolean;
  /** What it was made of. */
  readonly msg: Msg;
  readonly info: { readonly timestampNanos: number };
}
type Callback<Message> = (this: unknown, error: unknown, message: Message) => unknown;
interface SubscribeOptions {
  readonly callback?: Callback<Msg>;
  readonly queue?: string;
}
interface Connection {
  readonly protocol: Protocol;
}
/** Of subscriptions, consumers' messages and many things that are no messages at all. */
interface QueuedIterator {
  readonly protocol?: Protocol;
  readonly subject?: string;
  readonly queue?: string;
  readonly consumer?: Consumer;
  readonly opts?: { readonly [PULLED]?: true };
}
interface Consumer {
  readonly name?: string;
  readonly _info?: { readonly config?: { readonly filter_subject?: string; readonly durable_name?: string } };
}
/** With JetStream's `consume({ callback })`. */
interface ConsumerMessages extends QueuedIterator {
  callback?: ((this: unknown, message: JsMsg) => unknown) | null;
  readonly forOrderedConsumer?: boolean;
}
type Push = (this: ConsumerMessages, item: unknown) => unknown;
type Next = (this: unknown, options?: object) => unknown;
type Iterate = (this: QueuedIterator) => AsyncIterator<unknown>;
/** Of nats 2's subscriptions of JetStream by callback. */
type BuildOptions = (this: unknown, info: unknown) => { callback?: Callback<JsMsg> };

const CALLBACK = "a callback of nats";

/** On options of a consumer that `next()` reads one message with: that one is given back, and processed we do not know where. */
const PULLED: unique symbol = Symbol("redtrail.pulled");

export interface NatsConsumer {
  watchConnection(prototype: object | undefined): void;
  watchMessage(prototype: object | undefined): void;
  watchIterator(prototype: object | undefined): void;
  watchConsumer(prototype: object | undefined): void;
  watchConsumerMessages(prototype: object | undefined): void;
  watchJetStream(prototype: object | undefined): void;
}

interface Source {
  readonly pattern?: string | undefined;
  readonly group?: string | undefined;
}

export function createConsumer({ tracer, messaging }: Pick<InstrumentationHost, "tracer" | "messaging">): NatsConsumer {
  /** `callback` has to be the app's own. */
  function handle(message: Msg, source: Source, callback: unknown, run: () => unknown): unknown {
    if (isSystem(message.subject)) return run();
    return deliverMessage(tracer, messaging, describe(message, source), (returned) => {
      const result = run();
      returned(callback, result);
      return result;
    });
  }

  /** The same, for a body that somebody else runs. */
  function open(message: Msg, source: Source): OpenMessage | undefined {
    if (isSystem(message.subject)) return undefined;
    const { span, context } = beginProcess(tracer, messaging, describe(message, source));
    return { context, end: () => span.end() };
  }

  return {
    watchConnection(prototype) {
      type Subscribe = (this: Connection, subject: string, options?: SubscribeOptions) => unknown;
      wrapMethod<Subscribe>(
        "nats",
        prototype,
        "subscribe",
        (subscribe) =>
          function subscribeInContext(subject, options) {
            const { callback, queue } = options ?? {};
            if (typeof callback !== "function" || isInbox(subject, this.protocol) || isSystem(subject))
              return subscribe.call(this, subject, options);
            const source = { pattern: subject, group: queue };
            const inContext = inPlaceOf(
              CALLBACK,
              callback,
              (run) =>
                function receiveInContext(error, message) {
                  // JetStream's own code reads these, and gives them to the app itself.
                  const isOurs = error === null && message.reply?.startsWith("$JS.ACK.") !== true;
                  if (!isOurs) return run.call(this, error, message);
                  return handle(message, source, callback, () => run.call(this, error, message));
                },
            );
            return subscribe.call(this, subject, { ...options, callback: inContext });
          },
      );
    },

    watchMessage(prototype) {
      for (const name of ["subject", "reply", "headers", "data"]) wrapGetter(prototype, name, touchMessage);
    },

    watchIterator(prototype) {
      type Owner = { readonly [Symbol.asyncIterator]: Iterate };
      wrapMethod<Owner[typeof Symbol.asyncIterator]>(
        "nats",
        prototype,
        Symbol.asyncIterator,
        (iterate) =>
          function iterateInContext() {
            const inner = iterate.call(this);
            if (this.opts?.[PULLED] === true) return inner;
            const { protocol, subject } = this;
            const isSubscription = protocol !== undefined && subject !== undefined && !isInbox(subject, protocol);
            const source = isSubscription ? { pattern: subject, group: this.queue } : sourceOf(this.consumer);
            return followLoop(
              inner,
              (value) => (isJsMsg(value) || (isSubscription && isMsg(value)) ? open(value, source) : undefined),
              (value) => (isJsMsg(value) ? value.msg : value),
            );
          },
      );
    },

    watchConsumer(prototype) {
      wrapMethod<Next>(
        "nats",
        prototype,
        "next",
        (next) =>
          function nextMarked(options) {
            return next.call(this, { expires: 30_000, ...options, [PULLED]: true });
          },
      );
    },

    watchConsumerMessages(prototype) {
      const ours = new WeakSet<object>();
      wrapMethod<Push>(
        "nats",
        prototype,
        "_push",
        (push) =>
          function pushInContext(item) {
            const { callback } = this;
            // The first thing that is pushed is the request for messages, before any message.
            if (typeof callback === "function" && !ours.has(callback) && this.forOrderedConsumer !== true) {
              const source = sourceOf(this.consumer);
              const inContext = inPlaceOf(
                CALLBACK,
                callback,
                (run) =>
                  function receiveInContext(message) {
                    return handle(message, source, callback, () => run.call(this, message));
                  },
              );
              ours.add(inContext);
              this.callback = inContext;
            }
            return push.call(this, item);
          },
      );
    },

    watchJetStream(prototype) {
      wrapMethod<BuildOptions>(
        "nats",
        prototype,
        "_buildTypedSubscriptionOpts",
        (build) =>
          function buildInContext(info) {
            const options = build.call(this, info);
            const { callback } = options;
            if (typeof callback !== "function") return options;
            options.callback = inPlaceOf(
              CALLBACK,
              callback,
              (run) =>
                function receiveInContext(error, message) {
                  const isOurs = error === null && isJsMsg(message);
                  if (!isOurs) return run.call(this, error, message);
                  return handle(message, {}, callback, () => run.call(this, error, message));
                },
            );
            return options;
          },
      );
    },
  };
}

function describe(message: Msg, { pattern, group }: Source): Message {
  const { subject, data } = message;
  const attributes: Attributes = { "messaging.message.body.size": data.length };
  if (pattern !== undefined && isPattern(pattern)) attributes["messaging.destination.template"] = pattern;
  if (group !== undefined && group !== "") attributes["messaging.consumer.group.name"] = group;
  const headers = toRecord(message.headers);
  // Only JetStream knows when it got a message of a sender that does not tell.
  if (headers[SENT_AT] === undefined && isJsMsg(message))
    headers[SENT_AT] = String(Math.floor(message.info.timestampNanos / 1e6));
  return { system: "nats", destination: subject, headers, attributes };
}

function sourceOf(consumer: Consumer | undefined): Source {
  const { filter_subject: pattern, durable_name: group } = consumer?._info?.config ?? {};
  return { pattern, group };
}

function isJsMsg(value: unknown): value is JsMsg {
  return isMsg(value) && "didAck" in value && "msg" in value;
}

function isMsg(value: unknown): value is Msg {
  return value !== null && typeof value === "object" && "subject" in value && "data" in value;
}

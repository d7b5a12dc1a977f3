// MQTT by the package `mqtt` 5: what a client publishes, and its `message` events. MQTT 5 has a place for headers, the versions
// before it have none. https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html ("User Property")
import { EventEmitter } from "node:events";
import { type Attributes, context as contextApi } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import type { MessageHeaders } from "../../src/messaging/headers.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { prototypeOf, wrapKnownMethod } from "../wrap-method.ts";
import { findFilter } from "./filters.ts";

interface Properties {
  readonly userProperties?: MessageHeaders;
  readonly maximumPacketSize?: number;
}
interface PublishOptions {
  readonly properties?: Properties;
}
interface Packet {
  readonly properties?: Properties;
  readonly payload?: unknown;
}
type Done = (this: unknown, error?: unknown, ...rest: unknown[]) => unknown;
interface Client extends EventEmitter {
  readonly options?: { readonly protocolVersion?: number; readonly hostname?: string; readonly port?: unknown };
  /** Its subscriptions, kept to renew them after a reconnect. */
  readonly _resubscribeTopics?: Readonly<Record<string, unknown>>;
}
type Publish = (
  this: Client,
  topic: string,
  message: unknown,
  options?: PublishOptions | Done | null,
  callback?: Done,
) => unknown;
type Emit = (this: Client, event: string | symbol, ...args: unknown[]) => boolean;

/** What a message near the broker's limit may not be made longer by. */
const ROOM = 4096;

export function instrumentMqtt(host: Pick<InstrumentationHost, "tracer" | "messaging" | "modules">): void {
  host.modules.watch("mqtt", (exports) => {
    if (exports === null || typeof exports !== "object") return;
    watchClient(prototypeOf((exports as { readonly MqttClient?: unknown }).MqttClient), host);
  });
}

/** Exported for its test. */
export function watchClient(
  client: object | undefined,
  { tracer, messaging }: Pick<InstrumentationHost, "tracer" | "messaging">,
): void {
  /** Bytes that the broker takes, by client; it says so when they connect. */
  const limits = new WeakMap<Client, number>();

  wrapKnownMethod<Publish>(
    "mqtt",
    client,
    "publish",
    (publish) =>
      function publishWithContext(topic, message, options, callback) {
        const [given, done] = typeof options === "function" ? [undefined, options] : [options ?? undefined, callback];
        const own = given?.properties?.userProperties;
        const described = {
          system: "mqtt",
          destination: topic,
          headers: { ...own },
          attributes: attributesOf(this, message),
        };
        const limit = limits.get(this);
        const caller = contextApi.active();
        let result: unknown;
        const sent = sendMessage(tracer, "publish", described, (headers) => {
          const isCarrier = takesHeaders(this) && fits(limit, message, headers);
          const all = isCarrier ? { ...given, properties: { ...given?.properties, userProperties: headers } } : given;
          // Without a callback the client emits failures as errors; a callback of ours would keep them from the app.
          if (typeof done !== "function") {
            result = publish.call(this, topic, message, all);
            return undefined;
          }
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          result = publish.call(this, topic, message, all, function published(error, ...rest) {
            if (error instanceof Error) reject(error);
            else resolve();
            return contextApi.with(caller, () => done.call(this, error, ...rest));
          });
          return promise;
        });
        // The app has heard of it by its callback.
        sent?.catch(() => {});
        return result;
      },
  );

  wrapKnownMethod<Emit>(
    "mqtt",
    client,
    "emit",
    (emit) =>
      function emitInContext(event, ...args) {
        if (event === "connect") {
          const limit = (args[0] as Packet | undefined)?.properties?.maximumPacketSize;
          if (typeof limit === "number") limits.set(this, limit);
          else limits.delete(this);
        }
        if (event !== "message" || this.listenerCount("message") === 0) return emit.call(this, event, ...args);
        const [topic, payload, packet] = args as [string, unknown, Packet | undefined];
        const attributes = attributesOf(this, payload);
        const filter = findFilter(topic, this._resubscribeTopics);
        if (filter !== undefined) attributes["messaging.destination.template"] = filter;
        const headers = packet?.properties?.userProperties ?? {};
        processMessage(tracer, messaging, { system: "mqtt", destination: topic, headers, attributes }, () =>
          // An emitter of this kind looks at its listeners' promises itself.
          EventEmitter.captureRejections ? emit.call(this, event, ...args) : callListeners(this, args),
        );
        return true;
      },
  );
}

/** As `emit` does it, but for keeping the promises: the span is open until they settle. */
function callListeners(client: Client, args: unknown[]): unknown {
  const promises: PromiseLike<unknown>[] = [];
  for (const listener of client.rawListeners("message")) {
    const result: unknown = Reflect.apply(listener, client, args);
    if (isPromise(result)) promises.push(result);
  }
  // One is passed on as it is, so that its rejection is unhandled once if the app does not handle it.
  return promises.length > 1 ? Promise.all(promises) : promises[0];
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === "object" && typeof (value as { then?: unknown }).then === "function";
}

/** Clients of which it has been said. */
const withoutHeaders = new WeakSet<Client>();

function takesHeaders(client: Client): boolean {
  if (client.options?.protocolVersion === 5) return true;
  if (!withoutHeaders.has(client)) {
    withoutHeaders.add(client);
    log.debug(
      "mqtt: MQTT 3 has no place for headers; messages of this client carry no trace (protocolVersion: 5 has one)",
    );
  }
  return false;
}

/** A message that the broker takes without our headers must not fail with them; each property has 5 bytes besides its texts. */
function fits(limit: number | undefined, message: unknown, headers: MessageHeaders): boolean {
  const size = sizeOf(message);
  if (limit === undefined || size + ROOM < limit) return true;
  let added = 0;
  for (const [key, value] of Object.entries(headers)) added += key.length + String(value).length + 5;
  // The topic and the packet's own fields are no more than some hundred bytes.
  return size + added + 512 <= limit;
}

function sizeOf(message: unknown): number {
  if (typeof message === "string") return Buffer.byteLength(message);
  return message instanceof Uint8Array ? message.length : 0;
}

function attributesOf({ options }: Client, message: unknown): Attributes {
  const attributes: Attributes = { "messaging.message.body.size": sizeOf(message) };
  if (options?.hostname !== undefined) {
    attributes[ATTR.serverAddress] = options.hostname;
    const port = Number(options.port);
    if (port > 0) attributes[ATTR.serverPort] = port;
  }
  return attributes;
}

// MQTT by the package `mqtt` 5: what a client publishes, and its `message` events. MQTT 5 has a place for headers, the versions
// before it have none. https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html ("User Property")
import { EventEmitter } from "node:events";
import { type Attributes, context as contextApi } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import type { Message, MessageHeaders } from "../../src/messaging/message.ts";
import type { Returned } from "../../src/messaging/run.ts";
import { headersSize, isRefused, sizeOf } from "../../src/messaging/size-limit.ts";
import { deliverMessage, isSilent, sendUntilDone } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { serverAttributes } from "../peer-attributes.ts";
import { inPlaceOf, prototypeOf, replaceMethod, wrapKnownMethod } from "../wrap-method.ts";
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

/** Bytes of a packet beside its topic, its properties and its payload, at most or so. */
const PACKET_OVERHEAD = 32;
/** The kind of a property, and the lengths of its name and value. */
const PROPERTY_OVERHEAD = 5;

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
        if (isSilent()) return publish.call(this, topic, message, options, callback);
        const [given, done] = typeof options === "function" ? [undefined, options] : [options ?? undefined, callback];
        const properties = given?.properties ?? undefined;
        const described = {
          system: "mqtt",
          destination: topic,
          headers: { ...properties?.userProperties },
          attributes: attributesOf(this, message),
        };
        const limit = limits.get(this) ?? Infinity;
        const caller = contextApi.active();
        return sendUntilDone(tracer, "publish", described, (headers, end) => {
          const withHeaders = { ...properties, userProperties: headers };
          const isCarrier = takesHeaders(this) && !isRefused([limit], 0, packetSize(topic, message, withHeaders), 1);
          const all = isCarrier ? { ...given, properties: withHeaders } : given;
          // Without a callback the client emits failures as errors; a callback of ours would keep them from the app.
          if (typeof done !== "function") {
            const result = publish.call(this, topic, message, all);
            end();
            return result;
          }
          return publish.call(this, topic, message, all, function published(error, ...rest) {
            end(error instanceof Error ? error : undefined);
            return contextApi.with(caller, () => done.call(this, error, ...rest));
          });
        });
      },
  );

  const deliver = inPlaceOf<Deliver>(
    "a message of mqtt",
    callListeners,
    (call) => (client, emit, args) =>
      deliverMessage(tracer, messaging, describe(client, args), (returned) => call(client, emit, args, returned)),
  );
  replaceMethod<Emit>(
    client,
    "emit",
    (emit) =>
      function emitInContext(event, ...args) {
        if (event === "connect") noteLimit(this, args[0] as Packet | undefined);
        if (event !== "message" || this.listenerCount("message") === 0) return emit.call(this, event, ...args);
        deliver(this, emit, args);
        return true;
      },
  );

  function noteLimit(client: Client, packet: Packet | undefined): void {
    const limit = packet?.properties?.maximumPacketSize;
    if (typeof limit === "number") limits.set(client, limit);
    else limits.delete(client);
  }
}

type Deliver = (client: Client, emit: Emit, args: unknown[], returned?: Returned) => void;

/** As `emit` does it, but for telling what the listeners return. */
function callListeners(client: Client, emit: Emit, args: unknown[], returned?: Returned): void {
  // An emitter of this kind looks at its listeners' promises itself.
  if (EventEmitter.captureRejections) return void emit.call(client, "message", ...args);
  for (const listener of client.rawListeners("message")) {
    const result: unknown = Reflect.apply(listener, client, args);
    // What is called once is in a function of the emitter's.
    returned?.((listener as { readonly listener?: unknown }).listener ?? listener, result);
  }
}

function describe(client: Client, args: unknown[]): Message {
  const [topic, payload, packet] = args as [string, unknown, Packet | undefined];
  const attributes = attributesOf(client, payload);
  const filter = findFilter(topic, client._resubscribeTopics);
  if (filter !== undefined) attributes["messaging.destination.template"] = filter;
  return { system: "mqtt", destination: topic, headers: packet?.properties?.userProperties ?? {}, attributes };
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

/** Or more. */
function packetSize(topic: string, message: unknown, { userProperties = {}, ...properties }: Properties): number {
  const headers = headersSize(userProperties, PROPERTY_OVERHEAD) + headersSize({ ...properties }, PROPERTY_OVERHEAD);
  return PACKET_OVERHEAD + sizeOf(topic) + headers + sizeOf(message);
}

function attributesOf({ options }: Client, message: unknown): Attributes {
  return { "messaging.message.body.size": sizeOf(message), ...serverAttributes(options?.hostname, options?.port) };
}

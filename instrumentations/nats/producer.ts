// What NATS sends: `publish`, `request`, JetStream's `publish`. All of it comes to one method of the protocol's handler in the end.
import type { Attributes } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { sendMessage } from "../../src/messaging/spans.ts";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { wrapKnownMethod, wrapMethod } from "../wrap-method.ts";
import { type MakeHeaders, type MsgHdrs, fromRecord, toRecord } from "./headers.ts";
import { isInbox, isSystem } from "./subjects.ts";

interface SendOptions {
  readonly headers?: MsgHdrs;
  readonly reply?: string;
}
interface ServerInfo {
  readonly headers?: boolean;
  readonly max_payload?: number;
  readonly host?: string;
}
export interface Protocol {
  readonly info?: ServerInfo;
  readonly options?: { readonly inboxPrefix?: string };
  readonly server?: { readonly hostname?: string; readonly port?: number };
}
interface Connection {
  readonly protocol: Protocol;
}
interface JetStreamClient {
  readonly nc: Connection;
}
type Arguments = [subject: string, data?: unknown, options?: SendOptions];
type Send<Owner> = (this: Owner, ...args: Arguments) => unknown;

/** What a message near the server's limit may not be made longer by; traces with long states and baggage are longer than this. */
const ROOM = 4096;

export interface NatsProducer {
  watchProtocol(prototype: object | undefined): void;
  watchConnection(prototype: object | undefined): void;
  watchJetStream(prototype: object | undefined): void;
}

/** `makeHeaders` is known once the library has loaded that far. */
export function createProducer(
  { tracer }: Pick<InstrumentationHost, "tracer">,
  makeHeaders: () => MakeHeaders | undefined,
): NatsProducer {
  /** Of messages whose span is there already, one level above: a request ends in a publish. */
  const carried = new WeakSet<MsgHdrs>();
  /** The same, for those that could not be given headers. */
  let isInside = false;
  /** Connections of which it has been said that they take none. */
  const withoutHeaders = new WeakSet<Protocol>();

  function callInside<Result>(run: () => Result): Result {
    const before = isInside;
    isInside = true;
    try {
      return run();
    } finally {
      isInside = before;
    }
  }

  function send<Owner>(
    owner: Owner,
    protocol: Protocol,
    operation: string,
    original: Send<Owner>,
    args: Arguments,
  ): unknown {
    const [subject, data, options] = args;
    const own = options?.headers;
    const isOurs =
      !isInside &&
      typeof subject === "string" &&
      !isSystem(subject) &&
      !isInbox(subject, protocol) &&
      !(own !== undefined && carried.has(own));
    if (!isOurs) return original.call(owner, ...args);
    const message = {
      system: "nats",
      destination: subject,
      headers: toRecord(own),
      attributes: attributesOf(protocol, data),
    };
    return sendMessage(tracer, operation, message, (record) => {
      const make = makeHeaders();
      if (make === undefined || protocol.info?.headers !== true) {
        if (!withoutHeaders.has(protocol)) {
          withoutHeaders.add(protocol);
          log.debug("nats: the server takes no headers; messages of this connection carry no trace");
        }
        return callInside(() => original.call(owner, ...args));
      }
      const headers = fromRecord(make, record, own);
      if (!fits(protocol.info, data, headers)) return callInside(() => original.call(owner, ...args));
      carried.add(headers);
      // The library writes into the options that it gets; the app's own may be frozen.
      return original.call(owner, subject, data, { ...options, headers });
    });
  }

  return {
    watchProtocol(prototype) {
      wrapKnownMethod<Send<Protocol>>(
        "nats",
        prototype,
        "publish",
        (original) =>
          function publishWithContext(...args) {
            return send(this, this, "publish", original, args);
          },
      );
    },
    watchConnection(prototype) {
      for (const name of ["request", "requestMany"]) {
        wrapMethod<Send<Connection>>(
          prototype,
          name,
          (original) =>
            function requestWithContext(...args) {
              return send(this, this.protocol, "request", original, args);
            },
        );
      }
    },
    watchJetStream(prototype) {
      wrapMethod<Send<JetStreamClient>>(
        prototype,
        "publish",
        (original) =>
          function publishWithContext(...args) {
            return send(this, this.nc.protocol, "publish", original, args);
          },
      );
    },
  };
}

/** A message that the server takes without our headers must not fail with them. */
function fits({ max_payload: limit }: ServerInfo, data: unknown, headers: MsgHdrs): boolean {
  if (limit === undefined) return true;
  const size = sizeOf(data);
  return size + ROOM < limit || size + headers.encode().length <= limit;
}

function sizeOf(data: unknown): number {
  if (typeof data === "string") return Buffer.byteLength(data);
  return data instanceof Uint8Array ? data.length : 0;
}

function attributesOf({ server }: Protocol, data: unknown): Attributes {
  const attributes: Attributes = { "messaging.message.body.size": sizeOf(data) };
  if (server?.hostname !== undefined) {
    attributes[ATTR.serverAddress] = server.hostname;
    attributes[ATTR.serverPort] = server.port;
  }
  return attributes;
}

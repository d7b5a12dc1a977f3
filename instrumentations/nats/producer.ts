// What NATS sends: `publish`, `request`, JetStream's `publish`. All of it comes to one method of the protocol's handler in the end.
import type { Attributes } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { headersSize, isRefused, sizeOf } from "../../src/messaging/size-limit.ts";
import { isSilent, sendMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { serverAttributes } from "../peer-attributes.ts";
import { wrapKnownMethod, wrapMethod } from "../wrap-method.ts";
import { type MakeHeaders, type MsgHdrs, fromRecord, toRecord } from "./headers.ts";
import { isInbox, isSystem } from "./subjects.ts";

interface SendOptions {
  readonly headers?: MsgHdrs | null;
  readonly reply?: string;
  /** Of JetStream. */
  readonly expect?: Readonly<Record<string, unknown>>;
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

/** `": "` and a new line. */
const HEADER_OVERHEAD = 4;
/** The name that JetStream has for an option, `Nats-Expected-Last-Subject-Sequence: `, at most or so. */
const OPTION_OVERHEAD = 48;
/** `NATS/1.0`, a status, and new lines. */
const HEADERS_OVERHEAD = 64;

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
    const own = options?.headers ?? undefined;
    const isOurs =
      !isInside &&
      !isSilent() &&
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
      if (make === undefined || !takesHeaders(protocol) || isTooLarge(protocol, data, record, options))
        return callInside(() => original.call(owner, ...args));
      const headers = fromRecord(make, record, own);
      carried.add(headers);
      // The library writes into the options that it gets; the app's own may be frozen.
      return original.call(owner, subject, data, { ...options, headers });
    });
  }

  function takesHeaders(protocol: Protocol): boolean {
    if (protocol.info?.headers === true) return true;
    if (!withoutHeaders.has(protocol)) {
      withoutHeaders.add(protocol);
      log.debug("nats: the server takes no headers; messages of this connection carry no trace");
    }
    return false;
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
          "nats",
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
        "nats",
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
function isTooLarge({ info }: Protocol, data: unknown, record: MessageHeaders, options: SendOptions = {}): boolean {
  if (info?.max_payload === undefined) return false;
  const { headers, expect, ...rest } = options;
  const status = Buffer.byteLength(headers?.description ?? "");
  // JetStream makes headers of its options.
  const more = headersSize({ ...rest, ...expect }, OPTION_OVERHEAD);
  const full = sizeOf(data) + headersSize(record, HEADER_OVERHEAD) + HEADERS_OVERHEAD + status + more;
  return isRefused([info.max_payload], 0, full, 1);
}

function attributesOf({ server }: Protocol, data: unknown): Attributes {
  return { "messaging.message.body.size": sizeOf(data), ...serverAttributes(server?.hostname, server?.port) };
}

// X-Peer-Service, X-Peer-Host and X-Peer-Port: who calls, by its own word.
import {
  type Attributes,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { addSender } from "../context/sender.ts";
import { headerOf } from "./carrier.ts";

const SERVICE = "x-peer-service";
const HOST = "x-peer-host";
const PORT = "x-peer-port";
const VALID_SERVICE = /^[\w.:/@-]{1,128}$/;
const VALID_HOST = /^[\w.:[\]%-]{1,255}$/;

/** None for a service that has no name. */
export function peerServiceAttributes(service: string): Attributes {
  // The second is what the convention was called before, and what Zipkin's mapping reads first.
  return service === "" ? {} : { "service.peer.name": service, "peer.service": service };
}

export interface Peer {
  readonly service: string;
  readonly host: string;
  /** That the process listens on, when it does. */
  readonly port?: number | undefined;
}

/** Writes `own()`, which is asked at each call; what is read goes onto the span that receives the message. */
export class PeerPropagator implements TextMapPropagator {
  readonly #own: () => Peer;

  constructor(own: () => Peer) {
    this.#own = own;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    if (isTracingSuppressed(context) || trace.getSpanContext(context) === undefined) return;
    const { service, host, port } = this.#own();
    if (VALID_SERVICE.test(service)) setter.set(carrier, SERVICE, service);
    if (VALID_HOST.test(host)) setter.set(carrier, HOST, host);
    if (port !== undefined) setter.set(carrier, PORT, String(port));
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const service = headerOf(carrier, getter, SERVICE);
    const host = headerOf(carrier, getter, HOST);
    const portText = headerOf(carrier, getter, PORT);
    if (service === undefined && host === undefined && portText === undefined) return context;
    const attributes: Attributes = {};
    if (service !== undefined && VALID_SERVICE.test(service)) Object.assign(attributes, peerServiceAttributes(service));
    if (host !== undefined && VALID_HOST.test(host)) attributes["peer.hostname"] = host;
    const port = /^\d{1,5}$/.test(portText ?? "") ? Number(portText) : 0;
    if (port > 0 && port < 65536) attributes["peer.port"] = port;
    return Object.keys(attributes).length === 0 ? context : addSender(context, { attributes });
  }

  fields(): string[] {
    return [SERVICE, HOST, PORT];
  }
}

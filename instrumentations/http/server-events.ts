// Sees events of servers that no diagnostics channel tells of before the app does.
import type { EventEmitter } from "node:events";
import { Server as NetServer } from "node:net";

export type EmitArguments = Parameters<EventEmitter["emit"]>;

/** Has to emit the event: by `emit`, on `server`, with `args`. */
export type OnServerEvent = (server: EventEmitter, args: EmitArguments, emit: EventEmitter["emit"]) => boolean;

/** `upgrade` and `connect` are HTTP/1's, `stream` is HTTP/2's, whose compatibility API has a `connect` too. */
export type ServerEvent = "upgrade" | "connect" | "stream";

const handlers = new Map<unknown, OnServerEvent>();
let isPatched = false;

/**
 * One place for http, https and http2 alike, which loads none of them: all their servers are net.Servers.
 * Each event of a server costs a comparison with each of the three names.
 */
export function onServerEvent(event: ServerEvent, handle: OnServerEvent): void {
  handlers.set(event, handle);
  if (isPatched) return;
  isPatched = true;
  const { prototype }: { prototype: EventEmitter } = NetServer;
  const { emit } = prototype;
  prototype.emit = function emitSeen(...args: EmitArguments): boolean {
    const event = args[0];
    if (event !== "upgrade" && event !== "connect" && event !== "stream") return emit.apply(this, args);
    const handle = handlers.get(event);
    return handle === undefined ? emit.apply(this, args) : handle(this, args, emit);
  };
}

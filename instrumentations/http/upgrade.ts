// Upgrades and CONNECT: no channel tells of them, so the two events themselves are watched, on the server's class.
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { context as contextApi } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { ERROR_TYPE } from "../../src/semconv.ts";
import type { BeginServerRequest } from "./server.ts";
import type { ServerRequest } from "./server-request.ts";

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;

/** The span lasts until the first line of the answer: the handshake, not the life of the tunnel or WebSocket. */
export function instrumentUpgrades(begin: BeginServerRequest): void {
  // One place for http and https alike, without loading https: both servers are net.Servers.
  const { prototype }: { prototype: EventEmitter } = NetServer;
  const { emit } = prototype;
  prototype.emit = function emitWithUpgradeSpan(...args: Parameters<EventEmitter["emit"]>): boolean {
    const event = args[0];
    if (event !== "upgrade" && event !== "connect") return emit.apply(this, args);
    const [, request, socket] = args as [string, IncomingMessage, Socket];
    if (this.listenerCount(event) === 0 || !isExchange(request, socket)) return emit.apply(this, args);
    let state: ServerRequest;
    try {
      state = begin(request, socket);
      endAtAnswer(state, socket);
    } catch (error) {
      log.warnSometimes("upgrade", `an upgrade could not be traced (${String(error)})`);
      return emit.apply(this, args);
    }
    return contextApi.with(state.context, emit, this, ...args);
  };
}

function isExchange(request: unknown, socket: unknown): boolean {
  return (
    typeof (request as IncomingMessage | undefined)?.headers === "object" &&
    socket instanceof Object &&
    "write" in socket
  );
}

function endAtAnswer(state: ServerRequest, socket: Socket): void {
  const { write } = socket;
  socket.write = function writeAnswer(this: Socket, ...args: unknown[]): boolean {
    socket.write = write;
    const match = STATUS_LINE.exec(String(args[0]).slice(0, 16));
    state.end(match === null ? undefined : Number(match[1]));
    return Reflect.apply(write, this, args) as boolean;
  };
  socket.prependOnceListener("close", () => state.end(undefined, ERROR_TYPE.clientAborted));
}

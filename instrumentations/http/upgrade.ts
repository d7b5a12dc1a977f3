// Upgrades and CONNECT: no channel tells of them, so the two events themselves are watched.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { context as contextApi } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { ERROR_TYPE } from "../../src/semconv.ts";
import type { BeginHttp1Request } from "./server.ts";
import { type OnServerEvent, onServerEvent } from "./server-events.ts";
import type { ServerRequest } from "./server-request.ts";

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;

/** The span lasts until the first line of the answer: the handshake, not the life of the tunnel or WebSocket. */
export function instrumentUpgrades(begin: BeginHttp1Request): void {
  const onExchange: OnServerEvent = (server, args, emit) => {
    const [event, request, socket] = args as [string, IncomingMessage, Socket];
    if (server.listenerCount(event) === 0 || !isExchange(request, socket)) return emit.apply(server, args);
    let state: ServerRequest;
    try {
      state = begin(request, socket);
      endAtAnswer(state, socket);
    } catch (error) {
      log.warnSometimes("upgrade", `an upgrade could not be traced (${String(error)})`);
      return emit.apply(server, args);
    }
    return contextApi.with(state.context, emit, server, ...args);
  };
  onServerEvent("upgrade", onExchange);
  onServerEvent("connect", onExchange);
}

/** A request of HTTP/2 is none: its stream has a span already. */
function isExchange(request: unknown, socket: unknown): boolean {
  const { headers, httpVersionMajor } = (request ?? {}) as Partial<IncomingMessage>;
  return typeof headers === "object" && httpVersionMajor === 1 && socket instanceof Object && "write" in socket;
}

/** The first text that the app writes to the socket, by whichever of the two ways. */
function endAtAnswer(state: ServerRequest, socket: Socket): void {
  const isOwn = { write: Object.hasOwn(socket, "write"), end: Object.hasOwn(socket, "end") };
  const { write, end } = socket;

  function see(answer: unknown): void {
    if (typeof answer !== "string" && !(answer instanceof Uint8Array)) return;
    const match = STATUS_LINE.exec(String(answer instanceof Uint8Array ? Buffer.from(answer) : answer).slice(0, 16));
    state.end(match === null ? undefined : Number(match[1]));
    restore("write", writeAnswer, write);
    restore("end", endWithAnswer, end);
  }

  /** What the app has put in the place of ours stays. */
  function restore(method: "write" | "end", ours: unknown, original: unknown): void {
    if (socket[method] !== ours) return;
    if (isOwn[method]) Object.assign(socket, { [method]: original });
    else Reflect.deleteProperty(socket, method);
  }

  function writeAnswer(this: Socket, ...args: unknown[]): unknown {
    see(args[0]);
    return Reflect.apply(write, this, args);
  }

  function endWithAnswer(this: Socket, ...args: unknown[]): unknown {
    see(args[0]);
    return Reflect.apply(end, this, args);
  }

  Object.assign(socket, { write: writeAnswer, end: endWithAnswer });
  socket.prependOnceListener("close", () => state.end(undefined, ERROR_TYPE.clientAborted));
}

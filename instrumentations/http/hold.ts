// Holds a request back from the app for the few milliseconds in which its trace is looked for. Only where there is shared storage.
//
// What a request's arrival means to Node stays as it is: its body waits in its stream, responses go out in the order of the requests,
// and a request is let go at once, by itself and all that came before it, when its connection ends, closes, or breaks the protocol.
import { AsyncResource } from "node:async_hooks";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { type Context, context as contextApi, trace } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import type { StoredTrace } from "../../src/trace-store/record.ts";
import { type SharedTraces, ask, linkFound } from "../../src/trace-store/shared-traces.ts";

/** Of one connection. Node stops reading what a client pipelines by the responses that wait, and those of held requests have not begun. */
const MAX_HELD = 100;

const ARRIVAL: unique symbol = Symbol("redtrail.arrival");
const QUEUE: unique symbol = Symbol("redtrail.held");

/** How a request comes to the app. */
const ARRIVALS: ReadonlySet<unknown> = new Set(["request", "checkContinue"]);
/** What ends the requests on a connection; its third argument is the socket. */
const ENDINGS: ReadonlySet<unknown> = new Set(["clientError", "upgrade", "connect"]);

/** Begins the request's span, and returns its context. */
export type Begin = (stored: StoredTrace | undefined) => Context;

interface Arrival {
  /** By which the trace is looked for; undefined when the request only waits for those before it. */
  readonly requestId: string | undefined;
  readonly begin: Begin;
}
type WithArrival = IncomingMessage & { [ARRIVAL]?: Arrival | undefined };
type WithQueue = Socket & { [QUEUE]?: Held[] };
type EmitArgs = Parameters<EventEmitter["emit"]>;

interface Held {
  /** Gives it to the app. */
  readonly go: () => void;
  isReady: boolean;
  giveUp: () => void;
}

export interface RequestHold {
  /** Whether a request on this connection has to wait for one before it. */
  isQueued(socket: Socket): boolean;
  /** To be called when the request's head has come, before the app is told. */
  expect(request: IncomingMessage, arrival: Arrival): void;
  /** A response was made, by Node itself, to a request that the app is never told of: its span begins now. */
  forget(request: IncomingMessage): void;
}

/** `abort`: the connection is gone, and with it all its requests that have begun. */
export function createRequestHold(shared: SharedTraces, abort: (socket: Socket) => void): RequestHold {
  // One place for http and https alike, as in upgrade.ts.
  const { prototype }: { prototype: EventEmitter } = NetServer;
  const { emit } = prototype;
  prototype.emit = function emitWhenAnswered(...args: EmitArgs): boolean {
    const [event, subject, third] = args as unknown[];
    if (ENDINGS.has(event)) releaseAll(third as WithQueue | undefined);
    if (!ARRIVALS.has(event)) return emit.apply(this, args);
    const arrival = takeArrival(subject as WithArrival | undefined);
    if (arrival === undefined) return emit.apply(this, args);
    if (this.listenerCount(args[0]) === 0) {
      tryBegin(arrival.begin, undefined);
      return emit.apply(this, args);
    }
    hold(subject as IncomingMessage, arrival, (context) =>
      context === undefined ? emit.apply(this, args) : contextApi.with(context, emit, this, ...args),
    );
    return true;
  };

  function hold(
    request: IncomingMessage,
    { requestId, begin }: Arrival,
    emitIn: (context: Context | undefined) => void,
  ): void {
    const { socket } = request as { readonly socket: WithQueue };
    const queue = queueOf(socket, abort);
    // The app's own asynchronous context is that of the arrival, whatever lets the request go.
    const resource = new AsyncResource("redtrail.held-request");
    let stored: StoredTrace | undefined;
    const held: Held = {
      isReady: requestId === undefined,
      giveUp: () => (held.isReady = true),
      go: () =>
        resource.runInAsyncScope(() => {
          const context = tryBegin(begin, stored);
          if (question !== undefined && context !== undefined) question.onLate = linkTo(context);
          try {
            emitIn(context);
          } catch (error) {
            // The app's: what follows in this turn is Node's business and ours, and has to be done all the same.
            process.nextTick(rethrow, error);
          }
        }),
    };
    const question =
      requestId === undefined
        ? undefined
        : ask(shared, requestId, (found) => {
            stored = found;
            held.isReady = true;
            drain(queue);
          });
    if (question !== undefined) held.giveUp = question.giveUp;
    queue.push(held);
    if (queue.length >= MAX_HELD) releaseAll(socket);
  }

  function linkTo(context: Context): (found: StoredTrace) => void {
    return (found) => {
      const span = trace.getSpan(context);
      if (span !== undefined) linkFound(shared, span, found);
    };
  }

  return {
    isQueued: (socket: WithQueue) => socket[QUEUE] !== undefined && socket[QUEUE].length > 0,
    expect(request: WithArrival, arrival) {
      request[ARRIVAL] = arrival;
    },
    forget(request) {
      const arrival = takeArrival(request);
      if (arrival !== undefined) tryBegin(arrival.begin, undefined);
    },
  };
}

function takeArrival(request: WithArrival | undefined): Arrival | undefined {
  const arrival = request?.[ARRIVAL];
  if (arrival !== undefined) (request as WithArrival)[ARRIVAL] = undefined;
  return arrival;
}

/** Undefined when it fails, which is not to keep the request from the app. */
function tryBegin(begin: Begin, stored: StoredTrace | undefined): Context | undefined {
  try {
    return begin(stored);
  } catch (error) {
    log.warnSometimes("hold", `a request could not be traced (${String(error)})`);
    return undefined;
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** The requests of a connection that wait, in their order; at MAX_HELD all are let go. */
function queueOf(socket: WithQueue, abort: (socket: Socket) => void): Held[] {
  const known = socket[QUEUE];
  if (known !== undefined) return known;
  const queue: Held[] = [];
  socket[QUEUE] = queue;
  // First in line: Node answers the end of a connection by closing its own side, and its close by destroying its requests.
  socket.prependListener("end", () => releaseAll(socket));
  socket.prependListener("close", () => {
    releaseAll(socket);
    // What has begun only now comes too late to hear of the close.
    abort(socket);
  });
  return queue;
}

function releaseAll(socket: WithQueue | undefined): void {
  const queue = socket?.[QUEUE];
  if (queue === undefined) return;
  for (const held of [...queue]) held.giveUp();
  drain(queue);
}

/** In order: one that is answered waits for those before it. */
function drain(queue: Held[]): void {
  while (queue[0]?.isReady === true) queue.shift()?.go();
}

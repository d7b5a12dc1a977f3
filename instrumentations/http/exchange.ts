// Requests and responses on a connection of HTTP/1: a span ends when its response is complete, or when the connection is gone.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { bindEmitter } from "./bind-emitter.ts";
import type { CaptureHeaders } from "./headers.ts";
import { EVENT_STREAM, type ServerRequest, serverRequestOf, setServerRequest } from "./server-request.ts";

/** The connection's requests that are not answered yet: more than one when the client pipelines. */
const LIVE: unique symbol = Symbol("redtrail.live-requests");

type WithLive = Socket & { [LIVE]?: Map<IncomingMessage, ServerResponse> };

export interface Exchanges {
  /** Ties the span to its exchange. */
  begin(state: ServerRequest, request: IncomingMessage, response: ServerResponse, socket: Socket): void;
  /** The connection is gone, and with it what was not complete. */
  abort(socket: Socket): void;
  /** The response is complete. */
  finish(request: IncomingMessage, response: ServerResponse, socket: Socket): void;
}

export function createExchanges(captureHeaders: CaptureHeaders<ServerResponse> | undefined): Exchanges {
  function capture(state: ServerRequest, response: ServerResponse): void {
    if (captureHeaders !== undefined && response.headersSent) state.setAttributes(captureHeaders(response));
  }

  /** Node's own listeners run after this one. */
  function abort(state: ServerRequest, request: IncomingMessage, response: ServerResponse): void {
    bindEmitter(request, state.context);
    bindEmitter(response, state.context);
    capture(state, response);
    const statusCode = response.headersSent ? response.statusCode : undefined;
    if (statusCode !== undefined && isEventStream(response)) {
      state.endStream(statusCode);
      return;
    }
    // Node has not yet torn down what the client left; what is down already was taken down by the app.
    const byServer = response.destroyed || response.errored != null;
    state.endIncomplete(byServer, statusCode, response.errored);
  }

  function abortAll(socket: WithLive): void {
    const live = socket[LIVE];
    if (live === undefined) return;
    for (const [request, response] of live) {
      const state = serverRequestOf(request);
      if (state !== undefined) abort(state, request, response);
    }
    live.clear();
  }

  function onClose(this: WithLive): void {
    abortAll(this);
  }

  return {
    abort: abortAll,
    begin(state, request, response, socket: WithLive) {
      setServerRequest(request, state);
      let live = socket[LIVE];
      if (live === undefined) {
        live = new Map();
        socket[LIVE] = live;
        // First in line, so that it sees what the client left before Node tears it down.
        socket.prependListener("close", onClose);
      }
      live.set(request, response);
    },
    finish(request, response, socket: WithLive) {
      const state = serverRequestOf(request);
      // What an app ends after the connection has closed was over before.
      if (state === undefined || socket[LIVE]?.delete(request) !== true) return;
      capture(state, response);
      // Only who asked for a stream pays for looking whether it was one.
      const { accept } = request.headers;
      if (accept !== undefined && accept.includes(EVENT_STREAM) && isEventStream(response)) {
        state.endStream(response.statusCode);
      } else {
        state.end(response.statusCode);
      }
    },
  };
}

/** Server-sent events. Node keeps no header that went straight to `writeHead`, so the header block itself is asked. */
function isEventStream(response: ServerResponse & { _header?: unknown }): boolean {
  const type = response.getHeader("content-type");
  if (type !== undefined) return String(type).startsWith(EVENT_STREAM);
  return /\r\ncontent-type: ?text\/event-stream/i.test(String(response._header));
}

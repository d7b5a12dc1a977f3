// Names the route that Restify 11 or 12 found, at the one method of its router that every request passes.
import type { IncomingMessage } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

interface RestifyRequest extends IncomingMessage {
  readonly route?: { readonly path?: unknown };
}
interface Router {
  lookup(this: Router, request: RestifyRequest, response: unknown): unknown;
}
interface Server {
  _onHandlerError(this: Server, error: unknown, request: RestifyRequest, ...rest: unknown[]): unknown;
}

export function instrumentRestify({ modules }: Pick<InstrumentationHost, "modules">): void {
  modules.watch("restify", (exports, { file }) => {
    const { prototype } = exports as { readonly prototype: unknown };
    if (file === "lib/router.js") watchRouter(prototype as Router);
    else if (file === "lib/server.js") watchErrors(prototype as Server);
  });
}

function watchRouter(router: Router): void {
  const { lookup } = router;
  if (typeof lookup !== "function") {
    log.warn("this version of Restify is not known (11 and 12 are); its requests have no route");
    return;
  }
  router.lookup = function lookupAndName(request, response) {
    const handler = lookup.call(this, request, response);
    const path = request.route?.path;
    const state = serverRequestOf(request);
    if (state !== undefined && path !== undefined) state.route = String(path);
    return handler;
  };
}

function watchErrors(server: Server): void {
  const { _onHandlerError: onHandlerError } = server;
  // Routes are worth having without it.
  if (typeof onHandlerError !== "function") return;
  server._onHandlerError = function noteAndHandleError(error, request, ...rest) {
    serverRequestOf(request)?.noteError(error);
    return onHandlerError.call(this, error, request, ...rest);
  };
}

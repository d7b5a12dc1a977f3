// Names the route that Hapi 20 or 21 found, plugins' prefixes included: every request looks its route up in one method.
import type { IncomingMessage } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage };
  /** Special are Hapi's own, that stand for 404, 400 and CORS. */
  readonly _route: { readonly _special?: boolean };
  readonly route: { readonly path: string };
  _lookup(this: HapiRequest): void;
  _setResponse(this: HapiRequest, response: { readonly isBoom?: boolean } | symbol): void;
}

export function instrumentHapi({ modules }: Pick<InstrumentationHost, "modules">): void {
  modules.watch("@hapi/hapi", (exports, { file }) => {
    if (file === "lib/request.js") watchRequests((exports as { readonly prototype?: HapiRequest }).prototype);
  });
}

function watchRequests(request: HapiRequest | undefined): void {
  const { _lookup: lookup, _setResponse: setResponse } = request ?? {};
  if (request === undefined || typeof lookup !== "function" || typeof setResponse !== "function") {
    log.warn("this version of Hapi is not known (20 and 21 are); its requests have no route");
    return;
  }
  request._lookup = function lookupAndName() {
    lookup.call(this);
    const state = serverRequestOf(this.raw.req);
    if (state !== undefined && this._route._special !== true) state.route = this.route.path;
  };
  request._setResponse = function setResponseAndNote(response) {
    // What a handler or an extension threw.
    if (typeof response === "object" && response.isBoom === true) serverRequestOf(this.raw.req)?.noteError(response);
    setResponse.call(this, response);
  };
}

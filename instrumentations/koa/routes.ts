// Names the route that @koa/router or koa-router found under Koa 2 or 3: each of their versions writes it onto Koa's context.
import type { IncomingMessage, ServerResponse } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { type ServerRequest, serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

/** One entry of a router; one without methods is middleware. */
interface Layer {
  readonly path?: unknown;
  readonly methods?: readonly string[];
}
interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly originalUrl: string;
  /** All layers whose path fits, of all routers so far; it is the app's own if there is no such router. */
  readonly matched?: unknown;
  onerror(this: KoaContext, error: unknown): void;
  [MATCHED_ROUTE]?: unknown;
  [MOUNT_PATH]?: unknown;
}

const MATCHED_ROUTE: unique symbol = Symbol("redtrail.matched-route");
const MOUNT_PATH: unique symbol = Symbol("redtrail.mount-path");

/** Properties that tell of what a router, and koa-mount, write there. */
const WRITTEN_BY_ROUTERS = {
  _matchedRoute: {
    configurable: true,
    get(this: KoaContext) {
      return this[MATCHED_ROUTE];
    },
    set(this: KoaContext, path: unknown) {
      this[MATCHED_ROUTE] = path;
      const state = serverRequestOf(this.req);
      if (state === undefined) return;
      try {
        nameRoute(state, this, path);
      } catch {
        // What the app keeps under `matched` is no router's.
      }
    },
  },
  // Of koa-mount.
  mountPath: {
    configurable: true,
    get(this: KoaContext) {
      return this[MOUNT_PATH];
    },
    set(this: KoaContext, path: unknown) {
      this[MOUNT_PATH] = path;
      const state = serverRequestOf(this.req);
      if (state !== undefined && typeof path === "string") state.mount = mountOf(state, this) + path;
    },
  },
} satisfies PropertyDescriptorMap;

export function instrumentKoa({ modules, requestId }: Pick<InstrumentationHost, "modules" | "requestId">): void {
  const echoed = requestId.echo ? requestId.headers[0] : undefined;
  modules.watch("koa", (exports, { file }) => {
    if (file === "lib/context.js") watchContext(exports as KoaContext, echoed);
  });
}

/** `echoed`: the header, in lower case, that gives a request's id back. */
function watchContext(context: KoaContext, echoed: string | undefined): void {
  const { onerror } = context;
  if (typeof onerror !== "function" || "_matchedRoute" in context) {
    log.warn("this version of Koa is not known (2 and 3 are); its requests have no route");
    return;
  }
  function noteAndHandleError(this: KoaContext, error: unknown): void {
    const state = serverRequestOf(this.req);
    // Koa calls it for each request, most often with nothing.
    if (error === undefined || error === null || state === undefined) {
      onerror.call(this, error);
      return;
    }
    state.noteError(error);
    const isEchoed = echoed !== undefined && this.res.getHeader(echoed) === state.requestId;
    if (isEchoed) withHiddenHeader(this.res, echoed, () => onerror.call(this, error));
    else onerror.call(this, error);
  }

  Object.defineProperties(context, {
    onerror: { configurable: true, enumerable: true, writable: true, value: noteAndHandleError },
    ...WRITTEN_BY_ROUTERS,
  });
}

/** Koa takes all headers that it sees off an answer to an error, where the id is wanted most. */
function withHiddenHeader(response: ServerResponse, name: string, run: () => void): void {
  const own = Object.getOwnPropertyDescriptor(response, "getHeaderNames");
  const { getHeaderNames } = response;
  response.getHeaderNames = function getOtherNames(this: ServerResponse) {
    return getHeaderNames.call(this).filter((one) => one !== name);
  };
  try {
    run();
  } finally {
    delete (response as Partial<ServerResponse>).getHeaderNames;
    if (own !== undefined) Object.defineProperty(response, "getHeaderNames", own);
  }
}

/**
 * A router writes the path of what it will run, and the newer ones once more for each layer that they then run. Middleware in a router is
 * no route: then what is known stays, or the last of the routes that fit is taken, as the router does.
 */
function nameRoute(state: ServerRequest, context: KoaContext, path: unknown): void {
  const { matched, method } = context;
  if (!Array.isArray(matched)) return;
  let last: Layer | undefined;
  for (const layer of matched as readonly Layer[]) {
    if (layer.methods?.includes(method) !== true) continue;
    last = layer;
    if (layer.path === path) break;
  }
  if (last === undefined || (last.path !== path && state.route !== undefined)) return;
  state.route = mountOf(state, context) + String(last.path);
}

/**
 * The mounts that the context is inside of. koa-mount takes its prefix, which is no pattern, off the path, and tells nobody when it is left:
 * it is what the path now lacks.
 */
function mountOf({ mount }: ServerRequest, { originalUrl, path }: KoaContext): string {
  if (mount === "") return mount;
  return originalUrl.startsWith(mount + (path === "/" ? "" : path)) ? mount : "";
}

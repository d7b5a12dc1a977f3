// Names the route that Express 4 or 5 matched, mounted routers included, as the pattern and never as the path.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/ ("http.route")
import type { IncomingMessage, ServerResponse } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { type ServerRequest, serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { commonJsIn } from "../modules.ts";

type Next = (error?: unknown) => void;
type Leave = (error: unknown, isAnswered: boolean) => void;
type HandleRequest = (this: Layer, request: IncomingMessage, response: ServerResponse, next: Next) => unknown;

/** Loads what a parameter of the path names, before the route that has it is called. */
type ParamCallback = (
  this: unknown,
  request: IncomingMessage & { readonly route?: { readonly path: unknown } },
  response: ServerResponse,
  next: Next,
  ...rest: unknown[]
) => unknown;

type HandleError = (
  this: Layer,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: Next,
) => unknown;

/** One entry of a router's stack: of Express 4 (`handle_request`) or of the package `router`, Express 5's (`handleRequest`). */
interface Layer {
  readonly route?: { readonly path: unknown };
  [PATTERN]?: string;
}
interface LayerClass extends Layer {
  handle_request?: HandleRequest;
  handleRequest?: HandleRequest;
  handle_error?: HandleError;
  handleError?: HandleError;
  [PATCHED]?: true;
}
interface Router {
  readonly stack: Layer[];
  use: (this: Router, ...args: unknown[]) => unknown;
  param: (this: Router, name: unknown, callback?: ParamCallback) => unknown;
  route: (this: Router, ...args: unknown[]) => unknown;
}

/** On a layer that `use` made: the path that it was mounted at. */
const PATTERN: unique symbol = Symbol("redtrail.mount-pattern");
const PATCHED: unique symbol = Symbol("redtrail.patched");

/** Of requests whose route has failed: what the route is where somebody takes the error back, and nobody else matches. */
const routeBeforeError = new WeakMap<ServerRequest, string | undefined>();

/** Express 5 keeps its router in a package of its own; Express 4 in a file. Both are CommonJS, also for an ES module app. */
export function instrumentExpress({ modules }: Pick<InstrumentationHost, "modules">): void {
  modules.watch("router", (exports, { file }) => {
    if (file === "") watchRouter(((commonJsIn(exports) ?? exports) as { prototype: Router }).prototype);
  });
  modules.watch("express", (exports, { file }) => {
    if (file === "lib/router/index.js") watchRouter(exports as Router);
  });
}

function watchRouter(router: Router): void {
  const { use, route, param } = router;
  if (typeof use !== "function" || typeof route !== "function" || typeof param !== "function") {
    log.warn("this version of Express is not known; its requests have no route");
    return;
  }
  router.use = function useWithPattern(...args) {
    const before = this.stack.length;
    const result = use.apply(this, args);
    // What is mounted begins with a slash too.
    const pattern = patternOf(args[0]).replace(/\/$/, "");
    for (const layer of this.stack.slice(before)) {
      layer[PATTERN] = pattern;
      watchLayers(layer);
    }
    return result;
  };
  router.route = function routeWithPattern(...args) {
    const result = route.apply(this, args);
    const layer = this.stack.at(-1);
    if (layer !== undefined) watchLayers(layer);
    return result;
  };
  router.param = function paramWithNames(name, callback) {
    return param.call(this, name, typeof callback === "function" ? namingFailures(callback) : callback);
  };
}

/** One that fails answers for its route, which is not entered then. */
function namingFailures(callback: ParamCallback): ParamCallback {
  return function callAndName(request, response, next, ...rest) {
    const state = serverRequestOf(request);
    if (state === undefined) return callback.call(this, request, response, next, ...rest);
    const fail = (error: unknown): void => {
      const leave = request.route === undefined ? undefined : enterRoute(state, patternOf(request.route.path));
      if (leave === undefined) state.noteError(error);
      else leave(error, response.headersSent);
    };
    let result: unknown;
    try {
      result = callback.call(
        this,
        request,
        response,
        function failOrNext(error) {
          if (isFailure(error)) fail(error);
          next(error);
        },
        ...rest,
      );
    } catch (error) {
      fail(error);
      throw error;
    }
    // The router itself waits for it.
    if (result instanceof Promise) result.then(undefined, fail);
    return result;
  };
}

/** Watches the class that all layers share, once, through the first layer seen. */
function watchLayers(layer: Layer): void {
  const layerClass = Object.getPrototypeOf(layer) as LayerClass;
  if (layerClass[PATCHED]) return;
  layerClass[PATCHED] = true;
  watchErrorHandlers(layerClass);
  const key = layerClass.handleRequest === undefined ? "handle_request" : "handleRequest";
  const original = layerClass[key];
  if (original === undefined) return;
  layerClass[key] = function handleAndName(request, response, next) {
    const { route } = this;
    const pattern = this[PATTERN];
    // Middleware at "/" is the most frequent case, and changes nothing.
    if (route === undefined && (pattern === undefined || pattern === ""))
      return original.call(this, request, response, next);
    const state = serverRequestOf(request);
    if (state === undefined) return original.call(this, request, response, next);
    const leave = route === undefined ? enterMount(state, pattern as string) : enterRoute(state, patternOf(route.path));
    return original.call(this, request, response, function leaveAndNext(error) {
      leave(error, response.headersSent);
      next(error);
    });
  };
}

/** One that passes on without the error has undone the failure: what follows may find no route. */
function watchErrorHandlers(layerClass: LayerClass): void {
  const key = layerClass.handleError === undefined ? "handle_error" : "handleError";
  const original = layerClass[key];
  if (original === undefined) return;
  layerClass[key] = function handleErrorAndForget(error, request, response, next) {
    const state = serverRequestOf(request);
    if (state === undefined || !routeBeforeError.has(state)) return original.call(this, error, request, response, next);
    return original.call(this, error, request, response, function forgetAndNext(passed) {
      if (!isFailure(passed)) {
        state.route = routeBeforeError.get(state);
        routeBeforeError.delete(state);
      }
      next(passed);
    });
  };
}

/** Inside of `use("/users/:id", ...)`: whoever answers in here answers for this pattern. */
function enterMount(state: ServerRequest, pattern: string): Leave {
  const { mount, route } = state;
  state.mount = mount + pattern;
  state.route = state.mount;
  return (error, isAnswered) => {
    state.mount = mount;
    leave(state, route, error, isAnswered);
  };
}

/** A route that passes on without an error, and without an answer, has not matched after all. */
function enterRoute(state: ServerRequest, pattern: string): Leave {
  const { route } = state;
  state.route = state.mount + pattern || "/";
  return (error, isAnswered) => leave(state, route, error, isAnswered);
}

/** With an error it answers, by whoever handles that. */
function leave(state: ServerRequest, before: string | undefined, error: unknown, isAnswered: boolean): void {
  if (isFailure(error)) {
    routeBeforeError.set(state, before);
    state.noteError(error);
  } else if (!isAnswered) state.route = before;
}

/** `next("route")` and `next("router")` are ways to go on, not errors. */
function isFailure(error: unknown): boolean {
  return error !== undefined && error !== null && error !== "route" && error !== "router";
}

/** The pattern as the app wrote it; "" for the root. Several paths, or a regular expression, stand as they are written. */
function patternOf(path: unknown): string {
  if (typeof path === "string") return path === "/" ? "" : path;
  if (path instanceof RegExp) return String(path);
  if (Array.isArray(path) && path.every((one) => typeof one === "string" || one instanceof RegExp))
    return path.join("|");
  return "";
}

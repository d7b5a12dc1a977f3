// Names the route of Hono 4 that answered, base paths and mounted apps included, by the handlers that an app puts into its router.
import type { IncomingMessage } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { type ServerRequest, serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";

interface HonoContext {
  /** What the adapter hands over; @hono/node-server hands over Node's request. */
  readonly env?: { readonly incoming?: IncomingMessage | null };
}
type Next = () => Promise<void>;
type Handler = (context: HonoContext, next: Next) => unknown;
interface Router {
  /** What is added is Hono's own, of all routers: `[handler, route]`. */
  add(this: Router, method: string, path: string, entry: readonly [Handler, ...unknown[]]): void;
  [WATCHED]?: true;
}
interface HonoApp {
  readonly router?: Router;
}
type HonoClass = (new (...args: unknown[]) => HonoApp) & { [WATCHED]?: true };

const WATCHED: unique symbol = Symbol("redtrail.watched");

/** The entry points that export the class; they differ in the router. An ES module is known by the specifier it is imported by. */
const ENTRY_POINTS = ["hono", "hono/tiny", "hono/quick"];

export function instrumentHono({ modules }: Pick<InstrumentationHost, "modules">): void {
  for (const entryPoint of ENTRY_POINTS) modules.watch(entryPoint, replaceClass);
}

/** An app's methods are made in its constructor, so that no prototype sees them: the class is watched as it makes an app. */
function replaceClass(exports: unknown): unknown {
  const Hono = exportOf<HonoClass>(exports, "Hono");
  if (typeof Hono !== "function" || Hono[WATCHED]) return undefined;
  const watched = watchedClass(Hono);
  // What stands for an ES module can be set, and what some builds of CommonJS export cannot.
  if (Reflect.set(exports as object, "Hono", watched)) return undefined;
  const descriptors = Object.getOwnPropertyDescriptors(exports as object);
  return Object.create(Object.getPrototypeOf(exports) as object | null, {
    ...descriptors,
    Hono: { value: watched, enumerable: true },
  }) as unknown;
}

/** Of a class that is loaded twice, the same. */
const watchedClasses = new WeakMap<HonoClass, HonoClass>();

function watchedClass(Hono: HonoClass): HonoClass {
  const known = watchedClasses.get(Hono);
  if (known !== undefined) return known;
  const watched = new Proxy(Hono, {
    construct(target, args, newTarget) {
      const app = Reflect.construct(target, args, newTarget) as HonoApp;
      watchRouter(app.router);
      return app;
    },
    get: (target, key, receiver) => (key === WATCHED ? true : (Reflect.get(target, key, receiver) as unknown)),
  });
  // As an app finds its class without us.
  Reflect.defineProperty(Hono.prototype as object, "constructor", {
    value: watched,
    configurable: true,
    writable: true,
  });
  watchedClasses.set(Hono, watched);
  return watched;
}

function watchRouter(router: Router | undefined): void {
  if (router === undefined || typeof router.add !== "function") {
    log.warnSometimes("hono", "this version of Hono is not known (4 is); its requests have no route");
    return;
  }
  if (router[WATCHED]) return;
  const { add } = router;
  router[WATCHED] = true;
  router.add = function addNamed(method, path, entry) {
    const [handler, ...rest] = entry;
    add.call(this, method, path, [nameWhenCalled(handler, method, path), ...rest]);
  };
}

/**
 * What answers names the route, and what passes on has not answered. `use` and `all` look alike in a router; what takes `next` is
 * middleware, as Hono's own `inspectRoutes` tells them apart. Middleware of all paths is no route.
 */
function nameWhenCalled(handler: Handler, method: string, path: string): Handler {
  if (method === "ALL" && /^\/?\*$/.test(path) && handler.length > 1) return handler;
  // Most handlers take no `next`.
  if (handler.length === 1) {
    return function nameAndHandle(context, next) {
      const state = stateOf(context);
      if (state === undefined) return handler(context, next);
      state.route = path;
      return runNoting(state, handler, context, next);
    };
  }
  return function nameAndHandleOrPass(context, next) {
    const state = stateOf(context);
    if (state === undefined) return handler(context, next);
    const { route } = state;
    state.route = path;
    return runNoting(state, handler, context, function leaveAndNext() {
      state.route = route;
      return next();
    });
  };
}

function stateOf({ env }: HonoContext): ServerRequest | undefined {
  return serverRequestOf(env?.incoming);
}

function runNoting(state: ServerRequest, handler: Handler, context: HonoContext, next: Next): unknown {
  try {
    const result = handler(context, next);
    // Hono itself waits for it, so that this is not what makes a rejection look handled.
    if (result instanceof Promise) result.then(undefined, (error: unknown) => state.noteError(error));
    return result;
  } catch (error) {
    state.noteError(error);
    throw error;
  }
}

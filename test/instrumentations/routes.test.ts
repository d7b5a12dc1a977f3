// What no contract asks of all frameworks: unknown versions, and each router's own ways to pass a request on.
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { Hono } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { instrumentFastify } from "../../instrumentations/fastify/routes.ts";
import { instrumentHapi } from "../../instrumentations/hapi/routes.ts";
import { instrumentHono } from "../../instrumentations/hono/routes.ts";
import { ServerRequest, setServerRequest } from "../../instrumentations/http/server-request.ts";
import { instrumentKoa } from "../../instrumentations/koa/routes.ts";
import type { OnLoad } from "../../instrumentations/modules.ts";
import { instrumentNest } from "../../instrumentations/nestjs/nest.ts";
import { instrumentRestify } from "../../instrumentations/restify/routes.ts";
import { readConfig } from "../../src/config/read.ts";

type Instrument = Parameters<typeof instrumentKoa>[0] extends infer Host ? (host: Host) => void : never;

/** What an instrumentation makes of exports, as if a package of this name had been loaded. */
function load(instrument: Instrument, packageName: string, file: string, exports: unknown): unknown {
  const watchers = new Map<string, OnLoad>();
  const modules = { watch: (name: string, onLoad: OnLoad): void => void watchers.set(name, onLoad) };
  instrument({ modules, requestId: readConfig({}, []).config.requestId });
  const onLoad = watchers.get(packageName);
  assert.ok(onLoad !== undefined, packageName);
  return onLoad(exports, { file, name: `${packageName}/${file}`, baseDir: "" }) ?? exports;
}

function startRequest(): { readonly incoming: IncomingMessage; readonly state: ServerRequest } {
  const span = trace.getTracer("none").startSpan("GET");
  const state = new ServerRequest(span, ROOT_CONTEXT, "GET", undefined, undefined);
  const incoming = Object.assign(new EventEmitter(), { headers: {} }) as IncomingMessage;
  setServerRequest(incoming, state);
  return { incoming, state };
}

for (const [name, packageName, file, exports, instrument] of [
  ["Koa", "koa", "lib/context.js", { onerror: 1 }, instrumentKoa],
  ["Hapi", "@hapi/hapi", "lib/request.js", { prototype: {} }, instrumentHapi],
  ["Hapi without a class", "@hapi/hapi", "lib/request.js", {}, instrumentHapi],
  ["Restify", "restify", "lib/router.js", { prototype: {} }, instrumentRestify],
  ["NestJS", "@nestjs/core", "", {}, instrumentNest],
  ["NestJS on Express", "@nestjs/platform-express", "", {}, instrumentNest],
  ["Hono", "hono", "", {}, instrumentHono],
] as const) {
  test(`A version of ${name} that is not known is left as it is`, () => {
    const before = JSON.stringify(exports);
    assert.equal(load(instrument, packageName, file, exports), exports);
    assert.equal(JSON.stringify(exports), before);
  });
}

test("A version of Fastify that is not known is left as it is", () => {
  instrumentFastify();
  channel("fastify.initialization").publish({ fastify: {} });
});

test("A Hono app whose router is not known works as ever", () => {
  class Unknown {
    readonly router = { register: (): number => 1 };
  }
  const { Hono: Watched } = load(instrumentHono, "hono", "", { Hono: Unknown }) as { Hono: typeof Unknown };
  const app = new Watched();
  assert.ok(app instanceof Unknown);
  assert.equal(app.router.register(), 1);
});

test("Hono's class is replaced also where exports cannot be set, once, and classes can extend it", () => {
  const exports = Object.defineProperty({}, "Hono", { enumerable: true, get: () => Hono });
  const loaded = load(instrumentHono, "hono", "", exports) as { Hono: typeof Hono };
  assert.notEqual(loaded.Hono, Hono);
  assert.equal(load(instrumentHono, "hono", "", loaded), loaded);
  class Own extends loaded.Hono {}
  assert.ok(new Own() instanceof Hono);
});

const { Hono: Watched } = load(instrumentHono, "hono", "", { Hono }) as { Hono: typeof Hono };

test("A Hono app's constructor is the class that the app has", () => {
  assert.equal(new Watched().constructor, Watched);
});

for (const [router, options] of [
  ["its own router", {}],
  ["a router of the app's choice", { router: new RegExpRouter<never>() }],
] as const) {
  const app = new Watched(options);
  app.use("*", async (c, next) => {
    if (c.req.header("x-early") === "all") return c.text("early", 401);
    await next();
  });
  app.use("/api/*", async (c, next) => {
    if (c.req.header("x-early") === "api") return c.text("early", 401);
    await next();
  });
  app.get("/api/:id", async (c, next) => (c.req.param("id") === "passes" ? next() : c.text("one")));
  app.get(
    "/guarded",
    async (c, next) => (c.req.header("x-early") === "route" ? c.text("early", 401) : next()),
    (c) => c.text("guarded"),
  );
  app.all("/any", (c) => c.text("any"));
  app.get("/fallback/*", (c) => c.notFound());

  for (const [path, early, status, route] of [
    ["/api/1", "", 200, "/api/:id"],
    ["/api/1", "api", 401, "/api/*"],
    ["/api/1", "all", 401, undefined],
    ["/api/passes", "", 404, undefined],
    ["/api/none/at/all", "", 404, undefined],
    ["/guarded", "", 200, "/guarded"],
    ["/guarded", "route", 401, "/guarded"],
    ["/any", "", 200, "/any"],
    ["/fallback/x", "", 404, "/fallback/*"],
    ["/none", "", 404, undefined],
  ] as const) {
    test(`Hono with ${router} answers ${path} ${early} with ${status}, route ${route}`, async () => {
      const { incoming, state } = startRequest();
      const response = await app.request(path, { headers: { "x-early": early } }, { incoming });
      assert.equal(response.status, status);
      assert.equal(state.route, route);
    });
  }
}

test("A Hono app that is called without Node's request answers as ever", async () => {
  const app = new Watched().get("/", (c) => c.text("home"));
  assert.equal(await (await app.request("/")).text(), "home");
});

interface KoaContext {
  req: IncomingMessage;
  method: string;
  path: string;
  originalUrl: string;
  matched?: unknown;
  mountPath?: unknown;
  _matchedRoute?: unknown;
}

function koaContext(path: string): { readonly context: KoaContext; readonly state: ServerRequest } {
  const proto = load(instrumentKoa, "koa", "lib/context.js", { onerror: () => {} }) as KoaContext;
  const { incoming, state } = startRequest();
  const context = Object.assign(Object.create(proto) as KoaContext, {
    req: incoming,
    method: "GET",
    path,
    originalUrl: path,
  });
  return { context, state };
}

test("Koa's middleware of a router is no route, whether the router writes it last or first", () => {
  const { context, state } = koaContext("/items/1");
  context.matched = [
    { path: "/items/(.*)", methods: [] },
    { path: "/items/:id", methods: ["HEAD", "GET"] },
    { path: "/items/:id", methods: ["POST"] },
    { path: "(.*)", methods: [] },
  ];
  context._matchedRoute = "(.*)";
  assert.equal(state.route, "/items/:id");
  context._matchedRoute = "/items/(.*)";
  assert.equal(state.route, "/items/:id");
  assert.equal(context._matchedRoute, "/items/(.*)");
});

test("Koa's route of a second router takes the place of the first one's", () => {
  const { context, state } = koaContext("/items/1");
  const first = { path: /^\/items/, methods: ["GET"] };
  context.matched = [first];
  context._matchedRoute = first.path;
  assert.equal(state.route, String(first.path));
  context.matched = [first, { path: "/items/:id", methods: ["GET"] }];
  context._matchedRoute = "/items/:id";
  assert.equal(state.route, "/items/:id");
});

test("Koa's mounts count where the path lacks them: nested, left, and under a path that was written anew", () => {
  const { context, state } = koaContext("/a/b/1");
  context.matched = [{ path: "/:id", methods: ["GET"] }];
  context.mountPath = "/a";
  context.path = "/b/1";
  context.mountPath = "/b";
  context.path = "/1";
  context._matchedRoute = "/:id";
  assert.equal(state.route, "/a/b/:id");
  assert.equal(context.mountPath, "/b");
  context.path = "/a/b/1";
  context._matchedRoute = "/:id";
  assert.equal(state.route, "/:id");
  context.path = "/elsewhere";
  context._matchedRoute = "/:id";
  assert.equal(state.route, "/:id");
});

test("Koa's context may hold a `matched` that is the app's own", () => {
  const { context, state } = koaContext("/");
  for (const matched of [undefined, "yes", {}, [null, 1], [{ path: "/", methods: 1 }], [{ path: "/" }]]) {
    context.matched = matched;
    context._matchedRoute = "/";
  }
  assert.equal(state.route, undefined);
});

test("What apps keep where a framework has Node's request does no harm", async (t) => {
  // Koa's context as apps extend it, and as their tests make one.
  const context = { onerror() {}, req: undefined as unknown };
  load(instrumentKoa, "koa", "lib/context.js", context);
  Object.assign(context, { mountPath: "/base", _matchedRoute: "/x" });
  const mock = Object.assign(Object.create(context) as object, { req: null, mountPath: "/mock" });
  assert.equal(mock.mountPath, "/mock");
  assert.equal((context as { mountPath?: string }).mountPath, "/base");

  const app = new Watched();
  app.get("/", (c) => c.text("home"));
  for (const env of [undefined, {}, { incoming: null }, { incoming: "text" }])
    assert.equal((await app.request("/", {}, env as object)).status, 200);

  const filter = { catch: t.mock.fn(() => "answered") };
  load(instrumentNest, "@nestjs/core", "", { BaseExceptionFilter: { prototype: filter } });
  for (const request of [{ raw: null }, { raw: undefined }, { raw: "a body" }, {}, null, "text"])
    assert.equal(
      (filter.catch as (...args: unknown[]) => unknown)(new Error("app"), { getArgByIndex: () => request }),
      "answered",
    );
});

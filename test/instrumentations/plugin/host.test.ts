// The public host of plug-ins, by the kit that plug-ins are tested with.
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type PluginHost, defineInstrumentation, injectMessage, requestId } from "../../../src/index.ts";
import { type TestKit, startTestKit } from "../../../src/testing.ts";

/** Starts an instrumentation and gives the host that it got. */
function start(t: TestContext, env: Record<string, string> = {}): { kit: TestKit; host: PluginHost } {
  let host: PluginHost | undefined;
  const plugin = defineInstrumentation({
    name: "shop",
    version: "1.2.3",
    options: { limit: 5, strict: false, mode: "fast", paths: ["/a"] },
    start: (given) => {
      host = given;
    },
  });
  const kit = startTestKit({ plugins: [plugin], env });
  t.after(() => kit.stop());
  return { kit, host: host as PluginHost };
}

test("host.options are the definition's, as the environment has them, each of its own type", (t) => {
  assert.deepEqual(start(t).host.options, { limit: 5, strict: false, mode: "fast", paths: ["/a"] });
});

test("host.options of another type than the default's are left out", async (t) => {
  const { host } = start(t, {
    REDTRAIL_INSTRUMENTATION_SHOP_LIMIT: "many",
    REDTRAIL_INSTRUMENTATION_SHOP_STRICT: "true",
    REDTRAIL_INSTRUMENTATION_SHOP_MODE: "7",
    REDTRAIL_INSTRUMENTATION_SHOP_PATHS: "/b, /c",
  });
  assert.deepEqual(host.options, { limit: 5, strict: true, mode: "7", paths: ["/b", "/c"] });
});

test("host.options of texts are what is written, of numbers and switches what it says", async (t) => {
  let seen: unknown;
  const kit = startTestKit({
    plugins: [
      {
        name: "My-Lib",
        options: { version: "1", account: "", pattern: "", flag: "no", rate: 1, lists: [] as string[], on: false },
        start: ({ options }) => void (seen = options),
      },
    ],
    env: Object.fromEntries(
      Object.entries({
        VERSION: "1.10",
        ACCOUNT: "12345678901234567890",
        PATTERN: "[a-z]+",
        FLAG: "TRUE",
        RATE: "1e-3",
        LISTS: "[a-z]+, {b}",
        ON: "TRUE",
      }).map(([name, value]) => [`REDTRAIL_INSTRUMENTATION_MY_LIB_${name}`, value]),
    ),
  });
  t.after(() => kit.stop());
  assert.deepEqual(seen, {
    version: "1.10",
    account: "12345678901234567890",
    pattern: "[a-z]+",
    flag: "TRUE",
    rate: 0.001,
    lists: ["[a-z]+", "{b}"],
    on: true,
  });
});

test("host.client, server and internal make spans around calls, nested as the calls are", async (t) => {
  const { kit, host } = start(t);
  const result = await host.server("GET /", { attributes: { a: 1 } }, async () => {
    await turn();
    return host.internal("work", {}, () => host.client("call", {}, () => 7));
  });
  assert.equal(result, 7);
  assert.equal(kit.tree(), "SERVER GET /\n  INTERNAL work\n    CLIENT call");
  const [server] = kit.spans();
  assert.equal(server?.attributes["a"], 1);
  assert.equal(server?.scope, "shop");
});

test("host.server continues the caller's trace and request id", (t) => {
  const { kit, host } = start(t);
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, "x-request-id": "id-1" };
  assert.equal(
    host.server("call", { headers }, () => requestId()),
    "id-1",
  );
  assert.equal(kit.spans()[0]?.traceId, traceId);
  assert.equal(kit.spans()[0]?.parentSpanId, "b7ad6b7169203331");
});

test("host.client tells of what is thrown and rejected, and lets it pass", async (t) => {
  const { kit, host } = start(t);
  const error = Object.assign(new RangeError("no luck"), { code: "E_LUCK" });
  assert.throws(
    () =>
      host.client("sync", {}, () => {
        throw error;
      }),
    error,
  );
  await assert.rejects(
    host.client("async", {}, async () => {
      throw error;
    }),
    error,
  );
  assert.equal(kit.tree(), "CLIENT sync !\nCLIENT async !");
  for (const { attributes, statusMessage } of kit.spans()) {
    assert.deepEqual([attributes["error.type"], statusMessage], ["E_LUCK", "no luck"]);
  }
});

test("host.end ends a span of one's own, failed or not", (t) => {
  const { kit, host } = start(t);
  host.end(host.tracer.startSpan("fine"));
  host.end(host.tracer.startSpan("called back"), null);
  host.end(host.tracer.startSpan("bad"), new TypeError("no luck"));
  assert.equal(kit.tree(), "INTERNAL fine\nINTERNAL called back\nINTERNAL bad !");
});

test("host.producer and host.consumer carry trace and request id from one to the other", async (t) => {
  const { kit, host } = start(t);
  let sent: Record<string, unknown> = {};
  const message = { system: "pigeon", destination: "coop", headers: injectMessage({ own: "kept" }) };
  host.producer(message, (headers) => {
    sent = headers;
  });
  assert.equal(sent["own"], "kept");
  await host.consumer({ system: "pigeon", destination: "coop", headers: sent }, async () => turn());
  assert.equal(kit.tree(), "PRODUCER send coop\n  CONSUMER process coop");
});

test("host.wrap puts a function in place of another, and the kit's end takes it back", async (t) => {
  const { kit, host } = start(t);
  const library = { greet: (name: string) => `hello ${name}` };
  const original = library.greet;
  host.wrap(library, "greet", (greet) => (name) => `${String(greet(name))}!`);
  assert.equal(library.greet("you"), "hello you!");
  await kit.stop();
  assert.equal(library.greet, original);
});

test("host.wrap replaces a compiler's getter, and refuses what is no function or cannot be replaced", (t) => {
  const { host } = start(t);
  const greet = (): string => "hello";
  const library = {};
  Object.defineProperty(library, "greet", { get: () => greet, enumerable: true, configurable: true });
  Object.defineProperty(library, "fixed", { get: () => greet, enumerable: true });
  host.wrap(library, "greet", () => () => "wrapped");
  assert.equal((library as { greet: () => string }).greet(), "wrapped");
  assert.throws(() => host.wrap(library, "fixed", () => () => ""), TypeError);
  assert.throws(() => host.wrap(library, "missing", () => () => ""), /"missing" is no function/);
});

test("host.wrap takes wrappings with parameters of their own types", (t) => {
  const { host } = start(t);
  const lib = { prefix: "a", get: (key: string): string => key };
  host.wrap(
    lib,
    "get",
    (get) =>
      function getTyped(this: typeof lib, key: string) {
        return `${this.prefix} ${String(get.call(this, key))}`;
      },
  );
  assert.equal(lib.get("b"), "a b");
});

test("host.wrap takes symbols, and its failures are told by them", (t) => {
  const { host } = start(t);
  const library = {
    *[Symbol.iterator](): Iterator<number> {
      yield 1;
    },
  };
  host.wrap(library, Symbol.iterator, () => () => {
    throw new Error("no luck");
  });
  assert.deepEqual([...library], [1]);
  assert.throws(() => host.wrap(library, Symbol("missing"), () => () => ""), /"Symbol\(missing\)" is no function/);
});

test("host.wrap wraps a function once where two loads bring it, and as often as it is asked within one", async (t) => {
  const { kit, host } = start(t);
  for (const name of ["lib", "lib/other.js"]) {
    host.watchModule(name, (library: { query: () => string; Client: { prototype: object } }) => {
      host.wrap(library, "query", (query) => () => host.client("query", {}, query));
      host.wrap(library.Client.prototype, "run", (run) => () => host.client("run", {}, run));
      host.wrap(library.Client.prototype, "run", (run) => () => host.internal("work", {}, run));
    });
  }
  class Client {
    run(): void {}
  }
  const first = kit.load("lib", { query: () => "rows", Client });
  const second = kit.load("lib/other.js", { query: first.query, Client });
  assert.equal(second.query(), "rows");
  assert.equal(kit.tree(), "CLIENT query");
  kit.reset();
  new Client().run();
  assert.equal(kit.tree(), "INTERNAL work\n  CLIENT run");
  await kit.stop();
  assert.equal(first.query.name, "query");
});

test("host.client and the like keep what hangs on the promise of a call", async (t) => {
  const { host } = start(t);
  const cancellable = (): Promise<string> & { cancel(): string } =>
    Object.assign(Promise.resolve("done"), { cancel: () => "cancelled" });
  const message = { system: "pigeon", destination: "coop" };
  for (const call of [
    host.client("call", {}, cancellable),
    host.server("call", {}, cancellable),
    host.internal("call", {}, cancellable),
    host.producer(message, cancellable),
    host.consumer(message, cancellable),
  ]) {
    assert.equal(call.cancel(), "cancelled");
    assert.equal(await call, "done");
  }
  const original = Object.assign(Promise.resolve("done"), {
    state: "pending",
    isOwn(this: unknown): boolean {
      return this === original;
    },
  });
  const followed = host.client("call", {}, () => original);
  assert.notEqual(followed, original);
  assert.ok(followed.isOwn());
  original.state = "done";
  assert.equal(followed.state, "done");
  followed.state = "set";
  assert.equal(original.state, "set");
  class Query extends Promise<string> {
    readonly id = 7;
  }
  const own = new Query((resolve) => resolve("rows"));
  const query = host.client("query", {}, () => own);
  assert.ok(query instanceof Query);
  assert.equal(await query, "rows");
});

test("An instrumentation whose start fails leaves nothing behind: no channel, no watch, no wrapping, and no kit", async (t) => {
  const heard = t.mock.fn();
  const library = { greet: () => "hello" };
  const { greet } = library;
  const plugin = defineInstrumentation({
    name: "half",
    start(host) {
      host.observe("shop:half", heard);
      host.wrap(library, "greet", () => () => "wrapped");
      throw new Error("no luck in start");
    },
  });
  assert.throws(() => startTestKit({ plugins: [plugin] }), /instrumentation "half" could not start \(Error: no luck/);
  channel("shop:half").publish(1);
  assert.equal(heard.mock.callCount(), 0);
  assert.equal(library.greet, greet);
  const kit = startTestKit();
  await kit.stop();
});

test("host.observe hears a channel until the end, and what it throws or rejects stays with it", async (t) => {
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled).on("uncaughtException", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled).off("uncaughtException", unhandled));
  const { kit, host } = start(t);
  const seen: unknown[] = [];
  host.observe("shop:test", (message) => {
    seen.push(message);
    throw new Error("no luck");
  });
  host.observe("shop:test", async () => {
    throw new Error("no luck");
  });
  channel("shop:test").publish(1);
  await turn();
  await kit.stop();
  channel("shop:test").publish(2);
  await turn();
  assert.deepEqual(seen, [1]);
  assert.equal(unhandled.mock.callCount(), 0);
});

test("host.watchModule sees the files that it names, and what it returns takes their place", (t) => {
  const { kit, host } = start(t);
  host.watchModule("lib", () => "replaced");
  host.watchModule("@scope/lib/inner/file.js", () => "replaced too");
  host.watchModule("node:dns/promises", () => "replaced as well");
  host.watchModule("broken", () => {
    throw new Error("no luck");
  });
  host.watchModule("async", async () => "a promise is no exports");
  const exports = {};
  for (const [name, expected] of [
    ["lib", "replaced"],
    ["lib/other.js", exports],
    ["@scope/lib", exports],
    ["@scope/lib/inner/file.js", "replaced too"],
    ["dns/promises", "replaced as well"],
    ["dns", exports],
    ["broken", exports],
    ["async", exports],
  ] as const) {
    assert.equal(kit.load<unknown>(name, exports), expected, name);
  }
});

test("host.meter records metrics in the instrumentation's name", async (t) => {
  const { kit, host } = start(t);
  host.meter.createCounter("shop.orders", { unit: "{order}" }).add(2, { kind: "book" });
  host.meter.createHistogram("shop.weight", { unit: "kg" }).record(1.5);
  assert.deepEqual(await kit.metrics(), [
    { name: "shop.orders", unit: "{order}", scope: "shop", points: [{ attributes: { kind: "book" }, value: 2 }] },
    { name: "shop.weight", unit: "kg", scope: "shop", points: [{ attributes: {}, value: { count: 1, sum: 1.5 } }] },
  ]);
});

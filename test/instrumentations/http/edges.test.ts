// What apps do with node:http that its documentation does not say, or that others do to them.
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
  createServer,
  get as httpGet,
} from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { instrumentHttpClient } from "../../../instrumentations/http/client.ts";
import { instrumentHttpServer } from "../../../instrumentations/http/server.ts";
import { createHost } from "../../support/instrumentation-host.ts";
import { recordSpans } from "../../support/spans.ts";

const recorder = recordSpans();
let handle: (request: IncomingMessage, response: ServerResponse) => void;
let upgrade: (request: IncomingMessage, socket: Socket) => void;
const server = createServer((request, response) => handle(request, response));
server.on("upgrade", (request, socket) => upgrade(request, socket as Socket));
let port: number;

async function spanOf(kind: "SERVER" | "CLIENT"): Promise<ReadableSpan> {
  const number = kind === "SERVER" ? 1 : 2;
  for (let tries = 0; tries < 2_000; tries++) {
    const found = recorder.take().find((span) => span.kind === number);
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`no ${kind} span`);
}

describe("node:http", () => {
  before(async () => {
    const host = createHost(recorder.tracer);
    instrumentHttpServer(host);
    instrumentHttpClient(host);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    recorder.stop();
  });
  beforeEach(() => void recorder.take());
  afterEach(() => server.closeAllConnections());

  async function raw(text: string): Promise<string> {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    let answer = "";
    socket.on("data", (data) => (answer += String(data)));
    socket.write(text);
    await once(socket, "close");
    return answer;
  }

  const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: id-1\r\n\r\n";
  const UPGRADE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

  for (const [what, headers] of [
    [
      "pairs",
      [
        ["x-a", "1"],
        ["Set-Cookie", ["b=2", "c=3"]],
      ],
    ],
    ["a flat list", ["x-a", "1", "Set-Cookie", ["b=2", "c=3"]]],
    ["an object", { "x-a": "1", "Set-Cookie": ["b=2", "c=3"] }],
  ] as const) {
    test(`writeHead takes ${what}, as it does without a header of ours, which is there too`, async () => {
      handle = (_, response) => {
        response.writeHead(201, headers as never).end("ok");
      };
      const answer = await raw(REQUEST);
      assert.match(answer, /^HTTP\/1\.1 201 /);
      for (const header of ["x-a: 1", "Set-Cookie: b=2", "Set-Cookie: c=3", "X-Request-ID: id-1"])
        assert.ok(answer.includes(`\r\n${header}\r\n`), `${header} in ${answer}`);
    });
  }

  test("An upgrade that is refused by the end of its socket has the status of the answer", async () => {
    upgrade = (_, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
    assert.match(await raw(UPGRADE), /^HTTP\/1\.1 401 /);
    const { attributes } = await spanOf("SERVER");
    assert.equal(attributes["http.response.status_code"], 401);
    assert.equal(attributes["error.type"], undefined);
  });

  test("An app's own `write` around the socket of an upgrade sees all that is written", async () => {
    const seen: unknown[] = [];
    upgrade = (_, socket) => {
      const { write } = socket;
      socket.write = function seeing(this: Socket, ...args: Parameters<typeof write>) {
        seen.push(args[0]);
        return write.apply(this, args);
      } as typeof write;
      for (const text of ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "a", "b"]) socket.write(text);
      socket.end();
    };
    await raw(UPGRADE);
    assert.equal(seen.length, 3);
    assert.equal((await spanOf("SERVER")).attributes["http.response.status_code"], 101);
  });

  test("A socket of an upgrade has its own methods back when it has answered", async () => {
    let left: string[] = [];
    upgrade = (_, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      left = ["write", "end"].filter((method) => Object.hasOwn(socket, method));
      socket.end();
    };
    await raw(UPGRADE);
    assert.deepEqual(left, []);
  });

  /** Calls the server, and gives the call's span. */
  async function call(
    options: RequestOptions,
    then: (request: ReturnType<typeof httpGet>) => void = () => {},
  ): Promise<ReadableSpan> {
    const request = httpGet({ host: "127.0.0.1", port, agent: false, ...options }, (response) => response.resume());
    request.on("error", () => {});
    then(request);
    await new Promise((resolve) => request.once("close", resolve));
    return spanOf("CLIENT");
  }

  for (const [what, give] of [
    ["destroy()", (request: ReturnType<typeof httpGet>) => request.destroy()],
    ["abort()", (request: ReturnType<typeof httpGet>) => request.abort()],
    [
      "destroy() when it has a socket",
      (request: ReturnType<typeof httpGet>) => request.once("finish", () => request.destroy()),
    ],
  ] as const) {
    test(`A call that the app gives up by ${what} is cancelled, and no error`, async () => {
      handle = () => {};
      const { attributes, status } = await call({}, give);
      assert.equal(attributes["error.type"], "cancelled");
      assert.equal(status.code, SpanStatusCode.UNSET);
    });
  }

  for (const [what, end] of [
    ["closes", (socket: Socket) => socket.end()],
    ["resets", (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    test(`A call whose server ${what} the connection is an error`, async () => {
      handle = ({ socket }) => end(socket);
      const { attributes, status } = await call({});
      assert.equal(attributes["error.type"], "ECONNRESET");
      assert.equal(status.code, SpanStatusCode.ERROR);
    });
  }

  for (const [what, headers] of [
    ["an object", { host: "elsewhere.example.com:1234" }],
    ["a list", ["Host", "elsewhere.example.com:1234"]],
  ] as const) {
    test(`A Host that names another server (in ${what}) says nothing of where a call goes`, async () => {
      handle = (_, response) => response.end();
      const { attributes } = await call({ headers, path: "/a" });
      assert.equal(attributes["server.address"], "127.0.0.1");
      assert.equal(attributes["server.port"], port);
      assert.equal(attributes["url.full"], `http://127.0.0.1:${port}/a`);
    });
  }

  test("Of old trace headers in a list none is left beside the call's own", async () => {
    let seen: string[] = [];
    handle = ({ rawHeaders }, response) => {
      seen = rawHeaders;
      response.end();
    };
    const old = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const span = await call({
      headers: ["Host", "x", "traceparent", old, "Accept", "*/*", "TraceParent", old] as never,
    });
    const values = seen.filter((_, index) => seen[index - 1]?.toLowerCase() === "traceparent");
    assert.equal(values.length, 1);
    assert.ok(values[0]?.includes(span.spanContext().spanId));
    assert.ok(seen.includes("Accept"));
  });
});

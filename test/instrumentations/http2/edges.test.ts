// What apps give to node:http2 that is no headers, or says another server than the one that the connection leads to.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { instrumentHttp2Client } from "../../../instrumentations/http2/client.ts";
import { instrumentHttp2Server } from "../../../instrumentations/http2/server.ts";
import { Modules } from "../../../instrumentations/modules.ts";
import { createHost } from "../../support/instrumentation-host.ts";
import { recordSpans } from "../../support/spans.ts";

const require = createRequire(import.meta.url);
const recorder = recordSpans();

describe("node:http2", () => {
  let http2: typeof import("node:http2");
  let server: import("node:http2").Http2Server;
  let session: import("node:http2").ClientHttp2Session;
  let respond: (stream: import("node:http2").ServerHttp2Stream) => void;
  let seen: import("node:http2").IncomingHttpHeaders = {};

  before(async () => {
    const modules = new Modules();
    const host = createHost(recorder.tracer, { modules });
    const targeted = { ...host, propagation: { ...host.propagation, targets: ["*.internal.example.com"] } };
    instrumentHttp2Server(host);
    instrumentHttp2Client(targeted);
    modules.start();
    http2 = require("node:http2") as typeof http2;
    server = http2.createServer().on("stream", (stream, headers) => {
      seen = headers;
      respond(stream);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  after(() => {
    session.close();
    server.close();
    recorder.stop();
  });

  for (const given of ["abc", 5, null]) {
    test(`request(${JSON.stringify(given)}) is refused as without us`, () => {
      assert.throws(() => session.request(given as never), { code: "ERR_INVALID_ARG_TYPE" });
    });
  }

  test("respond(null) is refused as without us", async () => {
    let error: NodeJS.ErrnoException | undefined;
    respond = (stream) => {
      try {
        stream.respond(null as never);
      } catch (thrown) {
        error = thrown as NodeJS.ErrnoException;
        stream.respond({ ":status": 500 });
      }
      stream.end();
    };
    const stream = session.request({ ":path": "/" });
    stream.resume();
    await once(stream, "close");
    assert.equal(error?.code, "ERR_INVALID_ARG_TYPE");
  });

  test("An authority of another server makes the connection's server no target, and no other address", async () => {
    recorder.take();
    respond = (stream) => {
      stream.respond({ ":status": 200 });
      stream.end();
    };
    const stream = session.request({ ":path": "/", ":authority": "api.internal.example.com" });
    stream.resume();
    await once(stream, "close");
    assert.equal(seen["traceparent"], undefined);
    const call = recorder.take().find((span) => span.kind === 2);
    assert.equal(call?.attributes["server.address"], "127.0.0.1");
  });
});

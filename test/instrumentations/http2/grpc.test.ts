// Calls of gRPC beside an instrumentation for them, by the real @grpc/grpc-js: they are left to that, and nothing else is.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Http2Server, connect as Connect, createServer as CreateServer } from "node:http2";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { SpanKind } from "@opentelemetry/api";
import type { Client as GrpcClient, Server as GrpcServer } from "@grpc/grpc-js";
import { instrumentHttp2Client } from "../../../instrumentations/http2/client.ts";
import { instrumentHttp2Server } from "../../../instrumentations/http2/server.ts";
import { Modules } from "../../../instrumentations/modules.ts";
import { createHost } from "../../support/instrumentation-host.ts";
import { recordSpans } from "../../support/spans.ts";

const require = createRequire(import.meta.url);
const GRPC = { "content-type": "application/grpc" };

test("Calls of grpc-js have no span of HTTP, and calls of others that speak gRPC have theirs", async (t) => {
  const recorded = recordSpans();
  t.after(() => recorded.stop());
  const modules = new Modules();
  const host = createHost(recorded.tracer, { modules, isOn: (name) => name === "grpc" });
  instrumentHttp2Server(host);
  instrumentHttp2Client(host);
  modules.start();

  const { Client, Server, ServerCredentials, credentials } = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
  const { connect, createServer } = require("node:http2") as {
    connect: typeof Connect;
    createServer: typeof CreateServer;
  };

  const grpcServer: GrpcServer = new Server();
  t.after(() => grpcServer.forceShutdown());
  const bytes = (value: string): Buffer => Buffer.from(value);
  const path = "/test.Echo/Say";
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: String,
    responseSerialize: bytes,
    responseDeserialize: String,
  } as const;
  grpcServer.addService(
    { say: method },
    { say: (_: unknown, answer: (e: null, v: string) => void) => answer(null, "hi") },
  );
  const port = await new Promise<number>((resolve, reject) => {
    grpcServer.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client: GrpcClient = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => client.close());
  const answer = await new Promise((resolve) => {
    client.makeUnaryRequest(path, bytes, String, "hello", (failure, value) => resolve(failure ?? value));
  });
  assert.equal(answer, "hi");
  assert.deepEqual(recorded.take(), []);

  // As connect-node has it: requests and responses, and a client of its own name.
  const server: Http2Server = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": path, ":method": "POST", ...GRPC, "user-agent": "connect-es/2.0" });
  stream.resume().end();
  await once(stream, "close");
  const kinds = new Set(recorded.take().map(({ kind }) => kind));
  assert.deepEqual(kinds, new Set([SpanKind.CLIENT, SpanKind.SERVER]));
});

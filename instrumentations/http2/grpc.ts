// Which streams of HTTP/2 are calls of gRPC that have a span of their own, by the instrumentation for it.
import type { EventEmitter } from "node:events";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type Http2Headers, headerIn } from "./headers.ts";

export interface GrpcTest {
  isServerCall(server: EventEmitter, headers: Http2Headers): boolean;
  isClientCall(headers: Http2Headers): boolean;
}

/**
 * The instrumentation `grpc` knows @grpc/grpc-js alone, and only when it has seen it load. Its servers listen for streams, and its
 * clients name themselves; others that speak gRPC (connect-node, by requests and responses) have the spans of HTTP.
 */
export function createGrpcTest({ modules, isOn }: Pick<InstrumentationHost, "modules" | "isOn">): GrpcTest {
  let isLoaded = false;
  if (isOn("grpc")) {
    modules.watch("@grpc/grpc-js", () => {
      isLoaded = true;
    });
  }
  return {
    isServerCall: (server, headers) =>
      isLoaded && isGrpc(headers) && server.listenerCount("request") === 0 && server.listenerCount("stream") > 0,
    isClientCall: (headers) =>
      isLoaded && isGrpc(headers) && String(headerIn(headers, "user-agent")).includes("grpc-node-js/"),
  };
}

function isGrpc(headers: Http2Headers): boolean {
  const type = headerIn(headers, "content-type");
  return typeof type === "string" && type.startsWith("application/grpc");
}

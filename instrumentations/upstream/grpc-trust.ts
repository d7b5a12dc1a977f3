// Rules of trust for gRPC, whose metadata upstream reads and writes by itself.
import type { Span } from "@opentelemetry/api";
import { limitExtraction, silence } from "../../src/propagators/limited.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { createTargetTest } from "../targets.ts";
import { type Trust, createTrust } from "../trust.ts";

interface Call {
  readonly metadata: object;
  /** `10.0.0.1:5000`, `::1:5000`; `unknown` of a Unix socket, and of who has gone. */
  getPeer(): string;
}
type Handler = (this: unknown, call: Call, ...rest: unknown[]) => unknown;
type Wrapper = (original: Handler) => Handler;

interface Client {
  getChannel(): { getTarget(): string };
}

interface GrpcInstrumentation {
  _wrap(target: object, name: string, wrapper: Wrapper): unknown;
  /** Of each call that is made. */
  extractNetMetadata(client: Client, span: Span): void;
}

/** `dns:api:50051`, `dns://8.8.8.8/api:50051`, `ipv6:[::1]:50051` */
const TARGET = /^(?:[a-z][a-z\d+.-]*:)(?:\/\/[^/]*\/)?\[?(?<host>[^\]]*?)\]?(?::(?<port>\d+))?$/i;

export function keepToTrust(
  instrumentation: object,
  host: Pick<InstrumentationHost, "requestId" | "propagation">,
): void {
  const upstream = instrumentation as GrpcInstrumentation;
  const trust = createTrust(host);
  if (trust !== undefined) limitCallers(upstream, trust);
  const { targets } = host.propagation;
  if (!targets.includes("*")) limitTargets(upstream, createTargetTest(targets));
}

function limitCallers(upstream: GrpcInstrumentation, trust: Trust): void {
  const { _wrap: wrap } = upstream;
  upstream._wrap = (target, name, wrapper) =>
    // A server's handler.
    wrap(target, name, name === "func" ? limiting(wrapper, trust) : wrapper);
}

function limiting(wrapper: Wrapper, { isTrusted, extract }: Trust): Wrapper {
  return (original) => {
    const handler = wrapper(original);
    return function func(call, ...rest) {
      if (!isTrusted(call.getPeer().replace(/:\d+$/, ""))) limitExtraction(call.metadata, extract);
      return handler.call(this, call, ...rest);
    };
  };
}

function limitTargets(upstream: GrpcInstrumentation, isTarget: ReturnType<typeof createTargetTest>): void {
  const { extractNetMetadata } = upstream;
  upstream.extractNetMetadata = (client, span) => {
    const { host = "", port } = TARGET.exec(client.getChannel().getTarget())?.groups ?? {};
    if (!isTarget(host, port === undefined ? undefined : Number(port))) silence(span);
    extractNetMetadata.call(upstream, client, span);
  };
}

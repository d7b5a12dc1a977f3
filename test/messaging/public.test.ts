import assert from "node:assert/strict";
import test, { after } from "node:test";
import { ROOT_CONTEXT, context, propagation, trace } from "@opentelemetry/api";
import { requestId, setRequestId } from "../../src/context/request-id.ts";
import { messageHeaders } from "../../src/messaging/message-headers.ts";
import { type MessageOptions, injectMessage, withMessage } from "../../src/messaging/public.ts";
import { recordSpans } from "../support/spans.ts";

const { stop } = recordSpans();
after(stop);

const TRACE = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };
const inRequest = <Result>(run: () => Result): Result =>
  context.with(setRequestId(trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(TRACE)), "id-1"), run);

test("injectMessage and withMessage carry a request through a queue of one's own", () => {
  const headers: Record<string, string> = {};
  inRequest(() => injectMessage(headers));
  assert.match(headers["traceparent"] ?? "", /^00-1{32}-2{16}-0/);
  const seen = withMessage(headers, { system: "own", destination: "jobs" }, () => [
    requestId(),
    trace.getSpanContext(context.active())?.traceId,
  ]);
  assert.deepEqual(seen, ["id-1", TRACE.traceId]);
});

test("withMessage runs its handler in a request, whatever the message is", () => {
  const broken = {
    get headers(): never {
      throw new Error("of the app");
    },
  };
  for (const message of [undefined, null, false, {}, [], broken, "text", 7, () => {}]) {
    const id = withMessage(message as object, { system: "own", destination: "jobs", mode: "link" }, () => requestId());
    assert.match(id ?? "", /^[0-9a-f-]{36}$/);
  }
});

test("Options of withMessage that are undefined are those that are not there", () => {
  const spans = recordSpans();
  trace.setGlobalTracerProvider({ getTracer: () => spans.tracer });
  try {
    const unknown: MessageOptions = {
      system: undefined,
      destination: undefined,
      mode: undefined,
      batchSize: undefined,
    };
    for (const options of [undefined, null, {}, unknown])
      assert.equal(
        withMessage({}, options, () => 7),
        7,
      );
    assert.deepEqual(
      spans.take().map(({ name, attributes }) => [name, attributes["messaging.system"]]),
      Array.from({ length: 4 }, () => ["process unknown", "unknown"]),
    );
  } finally {
    trace.disable();
  }
});

test("injectMessage takes headers of any type, none, and such as cannot be written", () => {
  interface Headers {
    readonly tenant: string;
  }
  const own: Headers = { tenant: "a" };
  assert.equal(
    inRequest(() => injectMessage(own)),
    own,
  );
  assert.deepEqual(Object.keys(own), ["tenant", "traceparent", "x-request-id", "x-sent-at"]);
  for (const none of [undefined, null]) assert.equal(inRequest(() => injectMessage(none))["x-request-id"], "id-1");
  assert.equal(inRequest(() => injectMessage())["x-request-id"], "id-1");
  const frozen = Object.freeze({ tenant: "a" });
  assert.deepEqual(
    inRequest(() => injectMessage(frozen)),
    { tenant: "a" },
  );
  assert.equal(injectMessage("text" as never), "text");
  class Own {
    "X-Request-ID" = "mine";
  }
  assert.equal(inRequest(() => injectMessage(new Own()) as { "x-request-id"?: string })["x-request-id"], undefined);
  // As libraries call them: with an index, or a request.
  assert.equal(inRequest(() => [{}, {}].map(injectMessage)).length, 2);
  assert.equal(inRequest(() => [{ url: "/" }].map(requestId as (request: object) => unknown))[0], "id-1");
});

test("The headers of a message that is passed on are those of the passing request, but for the old request id", () => {
  const old = {
    tenant: "a",
    Traceparent: `00-${"3".repeat(32)}-${"4".repeat(16)}-01`,
    TRACEPARENT: "older",
    tracestate: "old=1",
    Baggage: "user=old",
    "X-Request-ID": "old-id",
    "X-Sent-At": "1",
  };
  const passed = inRequest(() => injectMessage({ ...old })) as Record<string, string>;
  assert.deepEqual(Object.keys(passed).toSorted(), ["Baggage", "X-Request-ID", "tenant", "traceparent", "x-sent-at"]);
  assert.equal(passed["traceparent"], `00-${TRACE.traceId}-${TRACE.spanId}-03`);
  assert.equal(passed["X-Request-ID"], "old-id");
  // Outside of a request there is nothing to give way to.
  const { "X-Sent-At": _, ...others } = old;
  const { "x-sent-at": __, ...kept } = injectMessage({ ...old }) as Record<string, string>;
  assert.deepEqual(kept, others);
});

test("What a plug-in's propagator may write, and does not, stays in a message", () => {
  propagation.disable();
  propagation.setGlobalPropagator({
    inject: (_context, carrier, setter) => setter.set(carrier, "traceparent", "new"),
    extract: (given) => given,
    fields: () => ["traceparent", "x-tenant"],
  });
  try {
    const passed = inRequest(() => injectMessage({ traceparent: "old", "x-tenant": "acme", "X-Tenant": "Acme" }));
    assert.deepEqual(Object.keys(passed), ["x-tenant", "X-Tenant", "traceparent", "x-sent-at"]);
  } finally {
    propagation.disable();
    recordSpans();
  }
});

test("injectMessage writes entries into what has entries", () => {
  for (const headers of [new Map([["TraceParent", "old"]]), new Headers({ TraceParent: "old" })]) {
    headers.set("X-Request-ID", "mine");
    inRequest(() => injectMessage(headers));
    const entries = Object.fromEntries(headers);
    assert.match(entries["traceparent"] ?? "", new RegExp(TRACE.traceId));
    assert.equal(entries["TraceParent"], undefined);
    assert.equal(headers.get("X-Request-ID"), "mine");
    assert.deepEqual(Object.keys(headers), []);
    assert.equal(messageHeaders(headers)["traceparent"], entries["traceparent"]);
  }
});

test("No helper throws, whatever it is given to look at", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const broken = {
    get headers() {
      throw new Error("a getter");
    },
  };
  for (const given of [proxy, broken]) {
    assert.deepEqual(messageHeaders(given), {});
    assert.equal(
      withMessage(given, { destination: Symbol("orders") as never }, () => "handled"),
      "handled",
    );
    assert.equal(injectMessage(given), given);
  }
});

test("An error whose members cannot be read reaches the app as it is", () => {
  const error = Object.defineProperty(new Error("mine"), "code", {
    get() {
      throw new RangeError("a getter");
    },
  });
  assert.throws(
    () =>
      withMessage({}, () => {
        throw error;
      }),
    (thrown) => thrown === error,
  );
});

test("Old baggage gives way to baggage, not to a trace", () => {
  const baggage = propagation.createBaggage({ tenant: { value: "a" } });
  const passed = context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
    injectMessage({ Baggage: "user=old", traceparent: "the app's" }),
  ) as Record<string, string>;
  const { "x-sent-at": _, ...others } = passed;
  assert.deepEqual(others, { baggage: "tenant=a", traceparent: "the app's" });
});

test("Baggage in a header for each entry gives way as a whole", () => {
  stop();
  const spans = recordSpans({ OTEL_PROPAGATORS: "jaeger,requestid" });
  try {
    const headers = { "uber-trace-id": "1:2:0:1", "uberctx-user": "old", "ot-baggage-user": "not ours" };
    const baggage = propagation.createBaggage({ tenant: { value: "a" } });
    const passed = context.with(
      propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(TRACE)), baggage),
      () => injectMessage(headers),
    );
    assert.deepEqual(Object.keys(passed).toSorted(), [
      "ot-baggage-user",
      "uber-trace-id",
      "uberctx-tenant",
      "x-sent-at",
    ]);
  } finally {
    spans.stop();
  }
});

test("A message of very many headers is gone through once", () => {
  const spans = recordSpans();
  try {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`k-${index}`, ""]));
    let listings = 0;
    const counted = new Proxy(
      { ...many, traceparent: `00-${TRACE.traceId}-${TRACE.spanId}-01` },
      {
        ownKeys(target) {
          listings++;
          return Reflect.ownKeys(target);
        },
      },
    );
    const traceId = withMessage(counted, { mode: "parent" }, () => trace.getSpanContext(context.active())?.traceId);
    assert.equal(traceId, TRACE.traceId);
    assert.equal(listings, 1);
  } finally {
    spans.stop();
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { createServerBeginning } from "../../../instrumentations/http/begin.ts";
import { createHost } from "../../support/instrumentation-host.ts";
import { recordSpans } from "../../support/spans.ts";
import { setRequestId, setRequestIdOrigin } from "../../../src/context/request-id.ts";

test("A request whose span cannot begin is nobody's unhandled rejection, though its trace is found", async (t) => {
  const recorder = recordSpans();
  t.after(() => recorder.stop());
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  t.after(() => process.off("unhandledRejection", onUnhandled));
  const found = { traceId: "1".repeat(32), spanId: "2".repeat(16), isSampled: true, isRandom: true, service: "a" };
  const broken = {
    startSpan(): never {
      throw new Error("broken");
    },
    startActiveSpan: recorder.tracer.startActiveSpan,
  };
  const host = createHost(broken, {
    sharedTraces: {
      mode: "link",
      budgetMs: 20,
      found: { parent: 0, link: 0 },
      store: { get: async () => found } as never,
    },
  });
  const parent = setRequestIdOrigin(setRequestId(ROOT_CONTEXT, "id-1"), "given");
  const line = { method: "GET", scheme: "http", target: "/", authority: "x", protocolVersion: "1.1" } as const;
  assert.throws(() => createServerBeginning(host).beginLinked(line, {}, {}, parent), /broken/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

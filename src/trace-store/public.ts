// For work that knows of its request only the id, a job or a message of another system: the public helper.
import { type Attributes, ROOT_CONTEXT, type Span, SpanKind, trace } from "@opentelemetry/api";
import { setRequestId } from "../context/request-id.ts";
import { runToEnd } from "../messaging/run.ts";
import { validRequestId } from "../propagators/request-id-format.ts";
import { getSharedTraces } from "../state.ts";
import { VERSION } from "../version.ts";
import type { StoredTrace } from "./record.ts";
import { type SharedTraces, ask, continueFound, linkFound, linkWhenFound } from "./shared-traces.ts";

export interface RequestOptions {
  /** Of the span: what the work is called, not which one it is. */
  readonly name: string;
  readonly attributes?: Attributes;
}

/**
 * Runs `work` as a part of the request with this id: in a CONSUMER span (work that somebody else has asked for, and that is done
 * later), with the id in its context. With shared storage (REDTRAIL_TRACE_STORE_URL) the span continues the request's trace, which is
 * looked for during REDTRAIL_TRACE_STORE_BUDGET at most; when it is found later, the span links to it. An id that is not valid is
 * left out, as that of a header would be. What `work` returns or throws goes to the caller.
 */
export async function withRequest<Result>(
  requestId: string,
  { name, attributes = {} }: RequestOptions,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const id = validRequestId(requestId);
  const context = id === undefined ? ROOT_CONTEXT : setRequestId(ROOT_CONTEXT, id);
  const shared = id === undefined ? undefined : getSharedTraces();
  let span: Span | undefined;
  const begin = (stored?: StoredTrace): Promise<Result> => {
    const parent = shared === undefined || stored === undefined ? context : continueFound(shared, context, stored);
    const started = trace
      .getTracer("redtrail/trace-store", VERSION)
      .startSpan(name, { kind: SpanKind.CONSUMER, attributes }, parent);
    span = started;
    return runToEnd(started, trace.setSpan(parent, started), async () => work());
  };
  if (shared === undefined || shared.mode === "write") return begin();
  if (shared.mode === "link") {
    linkWhenFound(shared, id as string, () => span);
    return begin();
  }
  return begin(await find(shared, id as string, (late) => span !== undefined && linkFound(shared, span, late)));
}

function find(
  shared: SharedTraces,
  id: string,
  onLate: (stored: StoredTrace) => void,
): Promise<StoredTrace | undefined> {
  return new Promise((resolve) => {
    ask(shared, id, resolve).onLate = onLate;
  });
}

// Exporters of plug-ins: what they throw is a failed delivery, and a promise of theirs resolves.
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import {
  AggregationTemporality,
  AggregationType,
  type InstrumentType,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { type Guard, settled } from "./guard.ts";
import { isPromiseOf, notAwaited } from "./rejection.ts";

type OnResult = (result: ExportResult) => void;

/** It is told already. */
const NOT_DELIVERED: ExportResult = { code: ExportResultCode.FAILED };

export function guardSpanExporter(exporter: SpanExporter, guard: Guard): SpanExporter {
  const forceFlush = guard.method("forceFlush");
  const shutdown = guard.method("shutdown");
  return {
    export: guardExport<ReadableSpan[]>(guard, (spans, onResult) => exporter.export(spans, onResult)),
    forceFlush: () => settled(guard, forceFlush, () => exporter.forceFlush?.()),
    shutdown: () => settled(guard, shutdown, () => exporter.shutdown()),
  };
}

export function guardMetricExporter(exporter: PushMetricExporter, guard: Guard): PushMetricExporter {
  const unanswered = guard.method("export");
  const forceFlush = guard.method("forceFlush");
  const shutdown = guard.method("shutdown");
  const run = guardExport<ResourceMetrics>(guard, (metrics, onResult) => exporter.export(metrics, onResult));
  /** Of the latest export; undefined when it is answered. */
  let pending: Promise<void> | undefined;
  return {
    // The reader is answered at once: its timer would keep a process alive that has nothing else to do.
    export(metrics, onResult) {
      if (pending !== undefined) unanswered.failed(new Error("it has not answered since the last time"));
      const { promise, resolve } = Promise.withResolvers<void>();
      pending = promise;
      run(metrics, () => {
        if (pending === promise) pending = undefined;
        unanswered.passed();
        resolve();
      });
      onResult({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: () =>
      settled(guard, forceFlush, async () => {
        await pending;
        await exporter.forceFlush();
      }),
    shutdown: () => settled(guard, shutdown, () => exporter.shutdown()),
    // The reader asks for these where the app makes an instrument.
    ...(exporter.selectAggregation === undefined
      ? {}
      : {
          selectAggregation: guardSelect(guard, "selectAggregation", (type) => exporter.selectAggregation?.(type), {
            type: AggregationType.DEFAULT,
          }),
        }),
    ...(exporter.selectAggregationTemporality === undefined
      ? {}
      : {
          selectAggregationTemporality: guardSelect(
            guard,
            "selectAggregationTemporality",
            (type) => exporter.selectAggregationTemporality?.(type),
            AggregationTemporality.CUMULATIVE,
          ),
        }),
  };
}

function guardSelect<Choice>(
  guard: Guard,
  name: string,
  select: (type: InstrumentType) => Choice | undefined,
  byDefault: Choice,
): (type: InstrumentType) => Choice {
  const method = guard.method(name);
  return (type) => {
    try {
      const choice = notAwaited(select(type));
      method.passed();
      return choice ?? byDefault;
    } catch (error) {
      method.failed(error);
      return byDefault;
    }
  };
}

/** The SDK waits for exactly one answer to each call. */
function guardExport<Items>(
  guard: Guard,
  run: (items: Items, onResult: OnResult) => void,
): (items: Items, onResult: OnResult) => void {
  const method = guard.method("export");
  return (items, onResult) => {
    let isAnswered = false;
    const answer = (result: ExportResult): void => {
      if (isAnswered) return;
      isAnswered = true;
      onResult(result);
    };
    const fail = (error: unknown): void => {
      method.failed(error);
      answer(NOT_DELIVERED);
    };
    if (guard.isOff) {
      answer(NOT_DELIVERED);
      return;
    }
    try {
      const result: unknown = run(items, (outcome) => {
        if (isAnswered) return;
        method.passed();
        if (outcome?.code === ExportResultCode.SUCCESS) {
          answer(outcome);
          return;
        }
        guard.undelivered(outcome?.error);
        answer(NOT_DELIVERED);
      });
      isPromiseOf(result, fail);
    } catch (error) {
      fail(error);
    }
  };
}

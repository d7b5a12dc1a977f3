// The kit for people who write plug-ins: starts them in this process, and keeps what they make in memory.
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { suppressTracing } from "@opentelemetry/core";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { INSTRUMENTATIONS, namesOf, startInstrumentations } from "../../instrumentations/index.ts";
import type { InstrumentationHost } from "../../instrumentations/instrumentation.ts";
import { Modules } from "../../instrumentations/modules.ts";
import type { StartedInstrumentation } from "../../instrumentations/plugin/host.ts";
import { rowsOfPlugins } from "../../instrumentations/plugin/rows.ts";
import { readConfig } from "../config/read.ts";
import { describeError } from "../diagnostics/describe-error.ts";
import { createParts } from "../parts.ts";
import { makeSpanProcessors } from "../plugins/make.ts";
import type { PluginInstrumentation, RedtrailPlugin } from "../plugins/plugin.ts";
import { recognizePlugin } from "../plugins/recognize.ts";
import { PluginRegistry } from "../plugins/registry.ts";
import { emptyRegistry, registeredSdk } from "../registered-sdk.ts";
import { InMemoryReader, type TestMetric } from "./metrics.ts";
import { SpanRecorder } from "./recorder.ts";
import { type TestSpan, toTree } from "./spans.ts";

export interface TestKitOptions {
  /** Plug-ins, or instrumentations alone. */
  readonly plugins?: readonly (RedtrailPlugin | PluginInstrumentation)[];
  /** Instrumentations of redtrail's own that run too: `http`, `undici`. @default none */
  readonly instrumentations?: readonly string[];
  /** Settings, as the environment would have them; that of the process is not read. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestKit {
  /** Spans that have ended, in the order in which they began. */
  spans(): readonly TestSpan[];
  /** The same as text: one line a span, children indented below their parents, ` !` where there is an error. */
  tree(): string;
  /** Spans that have begun and not ended. */
  unendedSpans(): readonly TestSpan[];
  /** Resolves with all spans when `count` have ended; rejects after `timeoutMs` (2000). */
  waitForSpans(count: number, timeoutMs?: number): Promise<readonly TestSpan[]>;
  /** What plug-ins have recorded, since the start. */
  metrics(): Promise<readonly TestMetric[]>;
  /** Runs inside a span, as a request would. */
  inSpan<Result>(name: string, run: () => Result): Result;
  /** Runs where nothing is to be traced, as exporters do. */
  untraced<Result>(run: () => Result): Result;
  /**
   * Shows a module to the plug-ins by hand, and returns what the app would get: for test runners with a module system of their own
   * (jest, vitest), and for stand-ins. `name`: `package`, or a file of it, `package/lib/file.js`.
   */
  load<Exports>(name: string, exports: Exports, folder?: string): Exports;
  /** Forgets all spans. */
  reset(): void;
  /** Ends it; another kit can be started then. What plug-ins have wrapped is taken back as far as it can be. */
  stop(): Promise<void>;
}

/** Throws where an OpenTelemetry SDK runs already, or a plug-in is broken or does not start: nothing is left then. Load what is instrumented afterwards. */
export function startTestKit({ plugins = [], instrumentations = [], env = {} }: TestKitOptions = {}): TestKit {
  const other = registeredSdk();
  if (other !== undefined) throw new Error(`an OpenTelemetry SDK runs in this process already (${other})`);
  const registry = new PluginRegistry();
  const problems = plugins.flatMap((plugin, index) => registry.add(recognizePlugin(plugin), `plug-in ${index + 1}`));
  const started: StartedInstrumentation[] = [];
  const failures: string[] = [];
  const rows = [
    ...INSTRUMENTATIONS.filter(({ name }) => instrumentations.includes(name)),
    ...rowsOfPlugins(registry.instrumentations, (one) => started.push(one)).map((row) => ({
      ...row,
      start: (host: InstrumentationHost) => {
        try {
          row.start(host);
        } catch (error) {
          failures.push(`instrumentation "${row.name}" could not start (${describeError(error)})`);
        }
      },
    })),
  ];
  const settings = { OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_EXPORTER: "none", OTEL_SERVICE_NAME: "test", ...env };
  const { config, problems: badSettings } = readConfig(settings, namesOf(rows), namesOf(rows), registry.names);
  const all = [...problems, ...badSettings];
  if (all.length > 0) throw new Error(all.join("\n"));

  const parts = createParts(config, registry);
  const recorder = new SpanRecorder();
  const tracerProvider = new TracerProvider({
    resource: parts.resource,
    sampler: parts.sampler,
    spanProcessors: [parts.requestIdProcessor, parts.senderProcessor, ...makeSpanProcessors(registry), recorder],
  });
  const reader = new InMemoryReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const modules = new Modules();
  emptyRegistry();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  propagation.setGlobalPropagator(parts.propagator);
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  startInstrumentations(config, { provider: tracerProvider, meterProvider, rows, modules });
  const stop = async (): Promise<void> => {
    for (const one of started) one.stop();
    for (const api of [trace, metrics, propagation, context]) api.disable();
    await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
  };
  if (failures.length > 0) {
    // Nothing waits for it: nothing was recorded yet.
    void stop();
    throw new Error(failures.join("\n"));
  }
  const tracer = tracerProvider.getTracer("test");

  return {
    spans: () => recorder.spans(),
    tree: () => toTree(recorder.spans()),
    unendedSpans: () => recorder.unended(),
    waitForSpans: (count, timeoutMs = 2000) => recorder.waitFor(count, timeoutMs),
    metrics: () => reader.read(),
    inSpan: (name, run) =>
      tracer.startActiveSpan(name, (span) => {
        const end = (): void => span.end();
        try {
          const result = run();
          if (result instanceof Promise) result.then(end, end);
          else end();
          return result;
        } catch (error) {
          end();
          throw error;
        }
      }),
    untraced: (run) => context.with(suppressTracing(context.active()), run),
    load: (name, exports, folder = "") => modules.load(name, exports, folder) as typeof exports,
    reset: () => recorder.reset(),
    stop,
  };
}

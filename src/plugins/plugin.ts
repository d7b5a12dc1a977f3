// What a plug-in is: the public types, and functions that do nothing but type what they are given.
import type { Attributes, MeterProvider, TextMapPropagator, TracerProvider } from "@opentelemetry/api";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { Sampler, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { InstrumentationDefinition, Options } from "./definition.ts";

/** An instrumentation as OpenTelemetry has it: of `@opentelemetry/instrumentation`, of whatever version. */
export interface OpenTelemetryInstrumentation {
  readonly instrumentationName: string;
  readonly instrumentationVersion: string;
  enable(): void;
  disable(): void;
  setTracerProvider(provider: TracerProvider): void;
  setMeterProvider(provider: MeterProvider): void;
}

/** Its class. redtrail makes the instance, with the options of the environment and without hooks of its own. */
export type OpenTelemetryInstrumentationClass = new (config?: never) => OpenTelemetryInstrumentation;

export type PluginInstrumentation =
  // oxlint-disable-next-line typescript/no-explicit-any -- of whatever options: `start` takes them, so no other type fits all.
  InstrumentationDefinition<any> | OpenTelemetryInstrumentation | OpenTelemetryInstrumentationClass;

export interface SamplerOptions {
  /** OTEL_TRACES_SAMPLER_ARG as it was written; undefined when it is unset. */
  readonly arg: string | undefined;
}

/** All of it is optional. Names are in lower case, and none of redtrail's own. */
export interface RedtrailPlugin {
  /** For messages. @default the name by which it was loaded */
  readonly name?: string;
  readonly instrumentations?: readonly PluginInstrumentation[];
  /** By their names in OTEL_PROPAGATORS. */
  readonly propagators?: Readonly<Record<string, () => TextMapPropagator>>;
  /**
   * By their names in OTEL_TRACES_SAMPLER: each decides for every span, and as `parentbased_<name>` for traces that begin here.
   */
  readonly samplers?: Readonly<Record<string, (options: SamplerOptions) => Sampler>>;
  /** They see every span, sampled or not, after its secrets are taken out and before it is exported. */
  readonly spanProcessors?: readonly (SpanProcessor | (() => SpanProcessor))[];
  /** By their names in OTEL_TRACES_EXPORTER. They get sampled spans, in batches (OTEL_BSP_*). */
  readonly spanExporters?: Readonly<Record<string, () => SpanExporter>>;
  /** By their names in OTEL_METRICS_EXPORTER. They get all metrics, every OTEL_METRIC_EXPORT_INTERVAL. */
  readonly metricExporters?: Readonly<Record<string, () => PushMetricExporter>>;
  /** By their names in OTEL_NODE_RESOURCE_DETECTORS, and all of them when that is unset. Nothing can be awaited. */
  readonly resourceDetectors?: Readonly<Record<string, () => Attributes>>;
}

/** Types a plug-in: `export default definePlugin({ ... })`. */
export function definePlugin(plugin: RedtrailPlugin): RedtrailPlugin {
  return plugin;
}

/** Types an instrumentation: `export default defineInstrumentation({ name, start(host) { ... } })`. */
export function defineInstrumentation<Given extends Options = Options>(
  definition: InstrumentationDefinition<Given>,
): InstrumentationDefinition<Given> {
  return definition;
}

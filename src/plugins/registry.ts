// What all plug-ins together bring, by name: filled while they load, read when configuration and parts are made.
import type { Attributes, TextMapPropagator } from "@opentelemetry/api";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { Sampler, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import { SETTINGS } from "../config/settings.ts";
import { describeError } from "../diagnostics/describe-error.ts";
import type { InstrumentationDefinition } from "./definition.ts";
import type { OpenTelemetryInstrumentation, RedtrailPlugin, SamplerOptions } from "./plugin.ts";
import { DEFINITION, isDefinition, isInstrumentationClass, isOpenTelemetryInstrumentation } from "./recognize.ts";

/** A part that is made when a setting names it. */
export interface NamedPart<Create> {
  /** The plug-in's name. */
  readonly from: string;
  readonly create: Create;
}

export type PluginInstrumentationPart = {
  /** As OTEL_NODE_DISABLED_INSTRUMENTATIONS names it. */
  readonly name: string;
  readonly from: string;
} & ({ readonly definition: InstrumentationDefinition } | { readonly instrumentation: OpenTelemetryInstrumentation });

type CreatePropagator = () => TextMapPropagator;
type CreateSampler = (options: SamplerOptions) => Sampler;
type CreateSpanProcessor = () => SpanProcessor;
type CreateSpanExporter = () => SpanExporter;
type CreateMetricExporter = () => PushMetricExporter;
type Detect = () => Attributes;
type Parts<Create> = ReadonlyMap<string, NamedPart<Create>>;

export interface Plugins {
  readonly instrumentations: readonly PluginInstrumentationPart[];
  readonly propagators: Parts<CreatePropagator>;
  readonly samplers: Parts<CreateSampler>;
  readonly spanProcessors: readonly NamedPart<CreateSpanProcessor>[];
  readonly spanExporters: Parts<CreateSpanExporter>;
  readonly metricExporters: Parts<CreateMetricExporter>;
  readonly resourceDetectors: Parts<Detect>;
}

/** The settings in which the names of parts are used. */
const NAMED_IN = {
  propagators: "OTEL_PROPAGATORS",
  samplers: "OTEL_TRACES_SAMPLER",
  spanExporters: "OTEL_TRACES_EXPORTER",
  metricExporters: "OTEL_METRICS_EXPORTER",
  resourceDetectors: "OTEL_NODE_RESOURCE_DETECTORS",
} as const;
type NamedKind = keyof typeof NAMED_IN;

const NAME = /^[@a-z0-9][a-z0-9._/@-]*$/;

/** Fills up as plug-ins are added. */
export class PluginRegistry implements Plugins {
  readonly instrumentations: PluginInstrumentationPart[] = [];
  readonly propagators: Map<string, NamedPart<CreatePropagator>> = new Map();
  readonly samplers: Map<string, NamedPart<CreateSampler>> = new Map();
  readonly spanProcessors: NamedPart<CreateSpanProcessor>[] = [];
  readonly spanExporters: Map<string, NamedPart<CreateSpanExporter>> = new Map();
  readonly metricExporters: Map<string, NamedPart<CreateMetricExporter>> = new Map();
  readonly resourceDetectors: Map<string, NamedPart<Detect>> = new Map();

  /** Takes over all that can be used, and returns what is to be said of the rest. */
  add(plugin: RedtrailPlugin, from: string): string[] {
    const problems: string[] = [];
    const say = (what: string): void => void problems.push(`plug-in "${from}": ${what}; it is left out`);
    for (const kind of Object.keys(NAMED_IN) as NamedKind[]) this.#addNamed(kind, plugin[kind], from, say);
    for (const processor of listOf(plugin.spanProcessors, "spanProcessors", say)) {
      if (typeof processor === "function") this.spanProcessors.push({ from, create: processor });
      else if (typeof processor?.onEnd === "function") this.spanProcessors.push({ from, create: () => processor });
      else say("one of spanProcessors is no span processor");
    }
    for (const instrumentation of listOf(plugin.instrumentations, "instrumentations", say)) {
      try {
        this.#addInstrumentation(instrumentation, from);
      } catch (error) {
        say(`an instrumentation could not be made (${describeError(error)})`);
      }
    }
    return problems;
  }

  /** What the settings are to know beside redtrail's own values. */
  get names(): Readonly<Record<string, readonly string[]>> {
    const samplers = [...this.samplers.keys()];
    return {
      ...Object.fromEntries(
        Object.entries(NAMED_IN).map(([kind, setting]) => [setting, [...this[kind as NamedKind].keys()]]),
      ),
      [NAMED_IN.samplers]: [...samplers, ...samplers.map((name) => `parentbased_${name}`)],
    };
  }

  #addNamed(kind: NamedKind, parts: unknown, from: string, say: (what: string) => void): void {
    if (parts === undefined) return;
    if (typeof parts !== "object" || parts === null) {
      say(`${kind} is no object of functions by name`);
      return;
    }
    const taken = SETTINGS.get(NAMED_IN[kind])?.values ?? [];
    const known = this[kind] as Map<string, NamedPart<unknown>>;
    for (const [given, create] of Object.entries(parts)) {
      const name = given.toLowerCase();
      if (!NAME.test(name)) say(`"${given}" of ${kind} is no name for a setting`);
      else if (typeof create !== "function") say(`"${given}" of ${kind} is no function`);
      else if (taken.includes(name)) say(`"${given}" of ${kind} is a name of redtrail's own`);
      else if (known.has(name)) say(`"${given}" of ${kind} is there already, by plug-in "${known.get(name)?.from}"`);
      else known.set(name, { from, create });
    }
  }

  #addInstrumentation(given: unknown, from: string): void {
    const made = isInstrumentationClass(given) ? new given({ enabled: false }) : given;
    const definition = (made as { readonly [DEFINITION]?: unknown } | undefined)?.[DEFINITION] ?? made;
    if (isDefinition(definition)) {
      const { name } = definition as InstrumentationDefinition;
      this.#checkName(name.toLowerCase());
      this.instrumentations.push({
        name: name.toLowerCase(),
        from,
        definition: definition as InstrumentationDefinition,
      });
    } else if (isOpenTelemetryInstrumentation(made)) {
      const name = shortName(made.instrumentationName);
      this.#checkName(name);
      this.instrumentations.push({ name, from, instrumentation: made });
    } else throw new TypeError("it is no instrumentation");
  }

  #checkName(name: string): void {
    if (!NAME.test(name)) throw new TypeError(`"${name}" is no name for a setting`);
    const earlier = this.instrumentations.find((one) => one.name === name);
    if (earlier !== undefined) throw new TypeError(`"${name}" is there already, by plug-in "${earlier.from}"`);
  }
}

function listOf<Part>(parts: readonly Part[] | undefined, name: string, say: (what: string) => void): readonly Part[] {
  if (parts === undefined) return [];
  if (Array.isArray(parts)) return parts as readonly Part[];
  say(`${name} is no list`);
  return [];
}

/** `@opentelemetry/instrumentation-fs` is `fs`, as upstream's OTEL_NODE_DISABLED_INSTRUMENTATIONS has it. */
function shortName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:@[^/]+\/)?(?:opentelemetry-)?instrumentation-/, "")
    .replaceAll(/[^a-z0-9._/@-]+/g, "-");
}

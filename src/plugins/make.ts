// Makes the parts of plug-ins that settings ask for, each behind its guard. One that cannot be made is one line.
import type { Attributes, TextMapPropagator } from "@opentelemetry/api";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { Sampler, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import { describeError } from "../diagnostics/describe-error.ts";
import { log } from "../diagnostics/log.ts";
import { Guard } from "./guard.ts";
import { guardMetricExporter, guardSpanExporter } from "./guarded-exporters.ts";
import { PROPAGATOR_CONSEQUENCE, guardPropagator } from "./guarded-propagator.ts";
import { SAMPLER_CONSEQUENCE, guardSampler } from "./guarded-sampler.ts";
import { guardSpanProcessor } from "./guarded-span-processor.ts";
import type { NamedPart, Plugins } from "./registry.ts";
import { isPromiseOf, notAwaited } from "./rejection.ts";

const DELIVERY_CONSEQUENCE = "what it was to deliver is lost to it";

/** Undefined where no plug-in has the name, or it cannot be made. */
export function makePropagator({ propagators }: Plugins, name: string): TextMapPropagator | undefined {
  return make(
    propagators.get(name),
    `propagator "${name}"`,
    PROPAGATOR_CONSEQUENCE,
    (create) => create(),
    ["inject", "extract", "fields"],
    guardPropagator,
  );
}

export function makeSampler({ samplers }: Plugins, name: string, arg: string | undefined): Sampler | undefined {
  return make(
    samplers.get(name),
    `sampler "${name}"`,
    SAMPLER_CONSEQUENCE,
    (create) => create({ arg }),
    ["shouldSample"],
    guardSampler,
  );
}

export function makeSpanProcessors({ spanProcessors }: Plugins): SpanProcessor[] {
  const methods = ["onStart", "onEnd", "forceFlush", "shutdown"] as const;
  return spanProcessors
    .map((part) =>
      make(part, titleOfProcessor, "the span goes on without it", (create) => create(), methods, guardSpanProcessor),
    )
    .filter((processor) => processor !== undefined);
}

export function makeSpanExporter({ spanExporters }: Plugins, name: string): SpanExporter | undefined {
  return make(
    spanExporters.get(name),
    `span exporter "${name}"`,
    DELIVERY_CONSEQUENCE,
    (create) => create(),
    ["export", "shutdown"],
    guardSpanExporter,
  );
}

export function makeMetricExporter({ metricExporters }: Plugins, name: string): PushMetricExporter | undefined {
  return make(
    metricExporters.get(name),
    `metric exporter "${name}"`,
    DELIVERY_CONSEQUENCE,
    (create) => create(),
    ["export", "forceFlush", "shutdown"],
    guardMetricExporter,
  );
}

/** By its class, if it has one. */
function titleOfProcessor(processor: SpanProcessor): string {
  const { constructor } = processor as { readonly constructor?: { readonly name?: unknown } };
  const name = constructor?.name;
  return typeof name === "string" && name !== "Object" ? `span processor ${name}` : "span processor";
}

/** Of the detectors among `names`, in their order; `all` is every one. What would have to be awaited is left out. */
export function detectAttributes({ resourceDetectors }: Plugins, names: readonly string[]): Attributes {
  const attributes: Attributes = {};
  for (const [name, { from, create }] of resourceDetectors) {
    if (!names.includes(name) && !names.includes("all")) continue;
    const who = `plug-in "${from}": resource detector "${name}"`;
    try {
      const detected: Record<string, unknown> = notAwaited(create()) ?? {};
      for (const [key, value] of Object.entries(detected)) {
        if (isPromiseOf(value, () => {})) log.warn(`${who} gives a promise for "${key}", which is left out`);
        else attributes[key] = value;
      }
    } catch (error) {
      log.warn(`${who} has failed (${describeError(error)}); its attributes are left out`);
    }
  }
  return attributes;
}

function make<Create, Made extends object>(
  part: NamedPart<Create> | undefined,
  title: string | ((made: Made) => string),
  consequence: string,
  run: (create: Create) => Made,
  methods: readonly (keyof Made & string)[],
  guard: (made: Made, guard: Guard) => Made,
): Made | undefined {
  if (part === undefined) return undefined;
  const { from, create } = part;
  try {
    const made = notAwaited(run(create));
    const missing = methods.find((method) => typeof made[method] !== "function");
    if (missing !== undefined) throw new TypeError(`it has no ${missing}`);
    const name = typeof title === "string" ? title : title(made);
    return guard(made, new Guard(`plug-in "${from}": ${name}`, consequence));
  } catch (error) {
    const name = typeof title === "string" ? title : "a span processor";
    log.warn(`plug-in "${from}": ${name} could not be made (${describeError(error)}); it is left out`);
    return undefined;
  }
}

// An instrumentation of redtrail's style in the shape of OpenTelemetry's, with hooks of its own: for processes that run another SDK.
import { type MeterProvider, type TracerProvider, metrics, trace } from "@opentelemetry/api";
import { Modules } from "../../instrumentations/modules.ts";
import { type StartedInstrumentation, startDefinition } from "../../instrumentations/plugin/host.ts";
import { MESSAGING_DEFAULTS } from "../messaging/public.ts";
import type { InstrumentationDefinition } from "./definition.ts";
import type { OpenTelemetryInstrumentation } from "./plugin.ts";

type Config = Readonly<Record<string, unknown>> & { readonly enabled?: boolean };

/** Its options are set by `setConfig`, before it is enabled. */
export function createStandalone(
  definition: InstrumentationDefinition,
): OpenTelemetryInstrumentation & { setConfig(config: Config): void; getConfig(): Config } {
  const { name, version = "" } = definition;
  let tracerProvider: TracerProvider | undefined;
  let meterProvider: MeterProvider | undefined;
  let started: StartedInstrumentation | undefined;
  let config: Config = {};
  return {
    instrumentationName: name,
    instrumentationVersion: version,
    setTracerProvider: (provider) => {
      tracerProvider = provider;
    },
    setMeterProvider: (provider) => {
      meterProvider = provider;
    },
    setConfig: (given) => {
      config = given;
    },
    // Not enabled before it is told to be.
    getConfig: () => ({ ...config, enabled: started !== undefined }),
    enable() {
      if (started !== undefined) return;
      const modules = new Modules();
      started = startDefinition(definition, {
        modules,
        options: (_name, known = []) =>
          Object.fromEntries(Object.entries(config).filter(([option]) => known.includes(option))),
        messaging: MESSAGING_DEFAULTS,
        tracerProvider: tracerProvider ?? trace.getTracerProvider(),
        meterProvider: meterProvider ?? metrics.getMeterProvider(),
      });
      modules.start();
    },
    disable() {
      started?.stop();
      started = undefined;
    },
  };
}

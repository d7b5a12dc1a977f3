// Gives a plug-in the shape in which upstream proposes to load extensions (opentelemetry-js issue 6979).
import { loadStandalone } from "../lazy.ts";
import type { InstrumentationDefinition } from "./definition.ts";
import type { OpenTelemetryInstrumentation, PluginInstrumentation, RedtrailPlugin } from "./plugin.ts";
import { DEFINITION, isDefinition, isInstrumentation, isInstrumentationClass } from "./recognize.ts";

/** What `loadOpenTelemetryExtension()` returns. */
export interface OpenTelemetryExtension {
  readonly instrumentations: OpenTelemetryInstrumentation[];
}

/**
 * The instrumentations of a plug-in, for whoever loads extensions:
 *
 *     export const loadOpenTelemetryExtension = () => toOpenTelemetryExtension(plugin);
 *
 * redtrail itself takes the plug-in that the module exports.
 */
export function toOpenTelemetryExtension(plugin: RedtrailPlugin | PluginInstrumentation): OpenTelemetryExtension {
  const given = isInstrumentation(plugin) ? [plugin] : (plugin.instrumentations ?? []);
  return { instrumentations: given.map(toOpenTelemetry) };
}

function toOpenTelemetry(given: PluginInstrumentation): OpenTelemetryInstrumentation {
  if (isInstrumentationClass(given)) return new given({ enabled: false });
  if (!isDefinition(given)) return given as OpenTelemetryInstrumentation;
  const definition = given as InstrumentationDefinition;
  return Object.assign(loadStandalone().createStandalone(definition), { [DEFINITION]: definition });
}

// Makes rows of the table of instrumentations of what plug-ins bring.
import type { PluginInstrumentationPart } from "../../src/plugins/registry.ts";
import type { InstrumentationRow } from "../instrumentation.ts";
import { startOpenTelemetryInstrumentation } from "./adopt.ts";
import { type StartedInstrumentation, startDefinition } from "./host.ts";

/** `onStarted` gets how to stop each, as far as that is possible. */
export function rowsOfPlugins(
  parts: readonly PluginInstrumentationPart[],
  onStarted: (started: StartedInstrumentation) => void = () => {},
): InstrumentationRow[] {
  return parts.map((part) => ({
    name: part.name,
    targets: `of the plug-in "${part.from}"`,
    start: (host) => {
      if ("definition" in part) onStarted(startDefinition(part.definition, host));
      else onStarted(startOpenTelemetryInstrumentation(part.name, part.instrumentation, host));
    },
  }));
}

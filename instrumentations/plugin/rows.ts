// Makes rows of the table of instrumentations of what plug-ins bring.
import type { PluginInstrumentationPart } from "../../src/plugins/registry.ts";
import type { InstrumentationRow } from "../instrumentation.ts";
import { startOpenTelemetryInstrumentation } from "./adopt.ts";
import { startDefinition } from "./host.ts";

export function rowsOfPlugins(parts: readonly PluginInstrumentationPart[]): InstrumentationRow[] {
  return parts.map((part) => ({
    name: part.name,
    targets: `of the plug-in "${part.from}"`,
    start: (host) => {
      if ("definition" in part) startDefinition(part.definition, host);
      else startOpenTelemetryInstrumentation(part.name, part.instrumentation, host);
    },
  }));
}

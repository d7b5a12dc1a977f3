// Finds the plug-in in what a module exports, whatever of the known forms it has.
import { suggest } from "../config/suggest.ts";
import type { OpenTelemetryInstrumentation, PluginInstrumentation, RedtrailPlugin } from "./plugin.ts";
import { isPromiseOf } from "./rejection.ts";

/** On what `toOpenTelemetryExtension` makes: the definition, so that redtrail starts it itself. */
export const DEFINITION: unique symbol = Symbol.for("redtrail.definition") as never;

const PARTS = [
  "instrumentations",
  "propagators",
  "samplers",
  "spanProcessors",
  "spanExporters",
  "metricExporters",
  "resourceDetectors",
] as const satisfies readonly (keyof RedtrailPlugin)[];

type Exports = Readonly<Record<string, unknown>>;

/**
 * In this order: `default`, or `module.exports`, that is a plug-in or an instrumentation; `loadOpenTelemetryExtension()`; `default`, or
 * `module.exports`, that is a function and returns one; the classes that are called `...Instrumentation`. Throws what functions throw.
 */
export function recognizePlugin(exports: unknown): RedtrailPlugin {
  if (!isObject(exports)) throw new TypeError("it exports no plug-in");
  const byDefault = exports["default"];
  for (const value of [exports, byDefault]) awaited(value, "it exports");
  const inDefault: Exports = isObject(byDefault) ? byDefault : {};
  const plugin = asPlugin(byDefault) ?? asPlugin(exports);
  if (plugin !== undefined) return plugin;
  const load = exports["loadOpenTelemetryExtension"] ?? inDefault["loadOpenTelemetryExtension"];
  if (typeof load === "function") return fromExtension(load());
  const factory = [byDefault, exports].find((value) => typeof value === "function");
  if (factory !== undefined) return fromFactory(factory as () => unknown);
  const classes = Object.entries({ ...inDefault, ...exports })
    .filter(([name, value]) => name.endsWith("Instrumentation") && isInstrumentationClass(value))
    .map(([, value]) => value as PluginInstrumentation);
  if (classes.length > 0) return { instrumentations: classes };
  for (const value of [byDefault, exports]) {
    const [misspelt] = isObject(value) ? misspeltParts(value) : [];
    if (misspelt !== undefined) throw new TypeError(`it has ${misspelt}`);
    if (isObject(value) && typeof value["start"] === "function") throw new TypeError("its instrumentation has no name");
    if (isObject(value) && typeof value["name"] === "string" && typeof value !== "function")
      throw new TypeError("it has a name, and neither start() nor any part of a plug-in");
  }
  throw new TypeError("it exports neither a plug-in nor loadOpenTelemetryExtension");
}

/** Members that are none of a plug-in's, and nearly are: `"spanProcesors", which is nothing of a plug-in (did you mean "spanProcessors"?)`. */
export function misspeltParts(plugin: object): string[] {
  return Object.keys(plugin).flatMap((key) => {
    const near = isPart(key) ? undefined : suggest(key, PARTS);
    return near === undefined ? [] : [`"${key}", which is nothing of a plug-in (did you mean "${near}"?)`];
  });
}

function isPart(key: string): boolean {
  return (PARTS as readonly string[]).includes(key);
}

function asPlugin(value: unknown): RedtrailPlugin | undefined {
  if (isInstrumentation(value)) return { instrumentations: [value] };
  return isObject(value) && isPlugin(value) ? value : undefined;
}

function fromFactory(factory: () => unknown): RedtrailPlugin {
  const made = awaited(factory(), "its function returns");
  const plugin = asPlugin(made);
  if (plugin === undefined) throw new TypeError("its function returns no plug-in");
  return plugin;
}

/** It may have all that a plug-in has; one without anything is an extension too. */
function fromExtension(returned: unknown): RedtrailPlugin {
  const extension = awaited(returned, "loadOpenTelemetryExtension returns");
  if (!isObject(extension)) throw new TypeError("loadOpenTelemetryExtension returns no extension");
  return extension;
}

function awaited(returned: unknown, what: string): unknown {
  if (!isPromiseOf(returned, () => {})) return returned;
  throw new TypeError(`${what} a promise, and nothing can wait for it before the app starts`);
}

function isPlugin(value: Exports): value is RedtrailPlugin & Exports {
  return PARTS.some((part) => value[part] !== undefined);
}

export function isInstrumentation(value: unknown): value is PluginInstrumentation {
  return isInstrumentationClass(value) || isDefinition(value) || isOpenTelemetryInstrumentation(value);
}

export function isInstrumentationClass(value: unknown): value is new (config?: object) => OpenTelemetryInstrumentation {
  return typeof value === "function" && typeof (value.prototype as Exports | undefined)?.["enable"] === "function";
}

export function isOpenTelemetryInstrumentation(value: unknown): value is OpenTelemetryInstrumentation {
  return isObject(value) && typeof value["enable"] === "function" && typeof value["setTracerProvider"] === "function";
}

export function isDefinition(value: unknown): boolean {
  return isObject(value) && typeof value["name"] === "string" && typeof value["start"] === "function";
}

function isObject(value: unknown): value is Exports {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

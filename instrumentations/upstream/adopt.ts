// Runs an instrumentation of OpenTelemetry's own on redtrail's hooks: loaded when its target is, and kept away from the app when it fails.
import { type MeterProvider, type TracerProvider, metrics } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { loadUpstreamInstrumentation } from "../../src/lazy.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import type { LoadedFile } from "../modules.ts";
import { guardWrapper } from "./guard.ts";
import type { UpstreamRow } from "./table.ts";

type Wrap = (target: object, name: string, wrapper: Parameters<typeof guardWrapper>[0]) => unknown;

type ModuleDefinition = { readonly name: string };

/**
 * What is used of InstrumentationBase. The members with an underscore are its own; its version is pinned and is in our bundle, and a
 * test puts them to use.
 */
export interface BaseInstrumentation {
  setTracerProvider(provider: TracerProvider): void;
  setMeterProvider(provider: MeterProvider): void;
  enable(): void;
  getModuleDefinitions(): readonly ModuleDefinition[];
  _hooks: unknown[];
  _wrap: Wrap;
  _onRequire(definition: ModuleDefinition, exports: unknown, name: string, baseDir: string): unknown;
}

export type BaseInstrumentationClass = new (config: object) => BaseInstrumentation;

type UpstreamHost = Pick<InstrumentationHost, "modules" | "options" | "tracerProvider">;

/** Waits for one of the row's packages, and loads the instrumentation then. */
export function instrumentByUpstream(
  { name, packages, options, defaults }: UpstreamRow,
  host: UpstreamHost,
  load: (name: string) => BaseInstrumentationClass = loadUpstreamInstrumentation,
): void {
  let adopted: ReturnType<typeof adopt> | "failed" | undefined;

  function onLoad(exports: unknown, loaded: LoadedFile): unknown {
    if (adopted === undefined) {
      // Not a second time: what could not be loaded once will not be for the next file.
      adopted = "failed";
      const Instrumentation = load(name);
      const config = { ...defaults, ...host.options(name, options), enabled: false };
      adopted = adopt(new Instrumentation(config), name, host.tracerProvider);
    }
    return adopted === "failed" ? undefined : adopted(exports, loaded);
  }

  for (const packageName of packages) host.modules.watch(packageName, onLoad);
}

/** Returns what patches a file that has been loaded. `definitions`: those that it has made already. */
export function adopt(
  instrumentation: BaseInstrumentation,
  name: string,
  tracerProvider: TracerProvider,
  definitions: readonly ModuleDefinition[] = instrumentation.getModuleDefinitions(),
): (exports: unknown, loaded: LoadedFile) => unknown {
  const report = (error: unknown): void => {
    log.warnSometimes(
      `wrapped by ${name}`,
      `instrumentation "${name}" has failed (${String(error)}); the app's call went on without it`,
    );
  };
  const wrap = instrumentation._wrap;
  instrumentation._wrap = (target, method, wrapper) => wrap(target, method, guardWrapper(wrapper, report));
  instrumentation.setTracerProvider(tracerProvider);
  instrumentation.setMeterProvider(metrics.getMeterProvider());
  // Enabled, without hooks of its own: it takes these for them.
  instrumentation._hooks.push({});
  instrumentation.enable();
  const onRequire = instrumentation._onRequire;
  return (exports, { name: loadedName, baseDir }) => {
    let current = exports;
    for (const definition of definitions) {
      if (loadedName !== definition.name && !loadedName.startsWith(definition.name)) continue;
      current = onRequire.call(instrumentation, definition, current, loadedName, baseDir);
    }
    return current;
  };
}

// Runs an instrumentation of OpenTelemetry's own on redtrail's hooks: loaded when its target is, and kept away from the app when it fails.
import { type MeterProvider, type TracerProvider, createNoopMeter, metrics } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { notAwaited } from "../../src/plugins/rejection.ts";
import { loadUpstreamInstrumentation } from "../../src/lazy.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type LoadedFile, commonJsIn, renewNames } from "../modules.ts";
import { createOnce } from "../once-per-file.ts";
import { moduleName } from "../package-name.ts";
import { type GuardOptions, guardWrapper } from "./guard.ts";
import { noteSpan } from "./guarded-call.ts";
import { withSpanRules } from "./spans.ts";
import type { PreparingHost, UpstreamRow } from "./table.ts";

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

export type UpstreamHost = Pick<InstrumentationHost, "modules" | "options" | "tracerProvider" | "isOn"> & PreparingHost;

/** What `adopt` has to know of an instrumentation: its name, and what its row says of it. */
type AdoptionRules = Pick<UpstreamRow, "name"> &
  Partial<Omit<UpstreamRow, "prepare">> &
  Pick<GuardOptions, "followsAsync"> & { readonly prepare?: (instrumentation: object) => void };

type Patch = (exports: unknown, loaded: LoadedFile) => unknown;

/** Waits for one of the row's packages, and loads the instrumentation then. */
export function instrumentByUpstream(
  row: UpstreamRow,
  host: UpstreamHost,
  load: (name: string) => BaseInstrumentationClass = loadUpstreamInstrumentation,
): void {
  let patch: Patch | undefined;

  function onLoad(exports: unknown, loaded: LoadedFile): unknown {
    if (patch === undefined) {
      // Not a second time: what could not be loaded once will not be for the next file.
      patch = () => undefined;
      const Instrumentation = load(row.name);
      const config = { ...row.defaults, ...host.options(row.name, row.options), enabled: false };
      const prepare = (instrumentation: object): void => row.prepare?.(instrumentation, host);
      patch = adopt(new Instrumentation(config), config, { ...row, prepare }, host);
    }
    const patched = patch(exports, loaded) ?? exports;
    row.patch?.(patched, loaded.file);
    return patched;
  }

  for (const packageName of row.packages) host.modules.watch(packageName, onLoad);
}

/** Returns what patches a file that has been loaded. `definitions`: those that it has made already. */
export function adopt(
  instrumentation: BaseInstrumentation,
  config: Readonly<Record<string, unknown>>,
  {
    name,
    spans = {},
    hasMetrics = true,
    standIns,
    bindsCallbacks = [],
    endsWithEmitter = [],
    afterCall = {},
    followsAsync = false,
    prepare,
  }: AdoptionRules,
  { tracerProvider, isOn }: Pick<UpstreamHost, "tracerProvider" | "isOn">,
  definitions: readonly ModuleDefinition[] = instrumentation.getModuleDefinitions(),
): Patch {
  const onFailure = (error: unknown): void => {
    log.warnSometimes(
      `wrapped by ${name}`,
      `instrumentation "${name}" has failed (${String(error)}); the app's call went on without it`,
    );
  };
  const standInsOf = standIns?.(config) ?? {};
  // One of them, redis, is made of two.
  for (const part of [instrumentation, ...Object.values(instrumentation).filter(isInstrumentation)]) {
    const wrap = part._wrap;
    part._wrap = (target, method, wrapper) => {
      const options = {
        standIns: standInsOf[method],
        bindsCallbacks: bindsCallbacks.includes(method),
        endsWithEmitter: endsWithEmitter.includes(method),
        afterCall: afterCall[method],
        followsAsync,
      };
      return wrap(target, method, guardWrapper(wrapper, onFailure, options));
    };
    // Enabled, without hooks of its own: it takes these for them.
    part._hooks.push({});
    part.setMeterProvider(hasMetrics ? metrics.getMeterProvider() : { getMeter: createNoopMeter });
  }
  instrumentation.setTracerProvider(withSpanRules(tracerProvider, spans, { isOn, onStart: noteSpan, onFailure }));
  prepare?.(instrumentation);
  instrumentation.enable();
  const onRequire = instrumentation._onRequire;

  const once = createOnce();

  function patch(exports: unknown, { name: loadedName, baseDir }: LoadedFile): unknown {
    let current = exports;
    for (const definition of definitions) {
      if (!loadedName.startsWith(moduleName(definition.name))) continue;
      current = notAwaited(onRequire.call(instrumentation, definition, current, loadedName, baseDir)) ?? current;
    }
    return current;
  }

  return (exports, loaded) => {
    const commonJs = commonJsIn(exports);
    if (commonJs === undefined) return once(exports, loaded.name, () => patch(exports, loaded));
    // Most instrumentations of upstream patch the names only, and not what the default holds: here that is patched, and gives the names.
    renewNames(
      exports as object,
      once(commonJs, loaded.name, () => patch(commonJs, loaded)),
    );
    return exports;
  };
}

function isInstrumentation(value: unknown): value is BaseInstrumentation {
  const { _hooks, _wrap } = (value ?? {}) as Partial<BaseInstrumentation>;
  return Array.isArray(_hooks) && typeof _wrap === "function";
}

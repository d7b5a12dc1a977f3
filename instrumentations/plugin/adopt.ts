// Runs an instrumentation of a plug-in that is made for OpenTelemetry: on redtrail's hooks where it names packages, else as it is.
import { isAbsolute } from "node:path";
import { describeError } from "../../src/diagnostics/describe-error.ts";
import { log } from "../../src/diagnostics/log.ts";
import type { OpenTelemetryInstrumentation } from "../../src/plugins/plugin.ts";
import { isPromiseOf, notAwaited } from "../../src/plugins/rejection.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import type { OnLoad } from "../modules.ts";
import { moduleName, packageOf } from "../package-name.ts";
import type { StartedInstrumentation } from "./host.ts";
import { type BaseInstrumentation, adopt } from "../upstream/adopt.ts";

type Config = Record<string, unknown> & { readonly enabled?: boolean };

/** InstrumentationNodeModuleDefinition, and its files. */
interface NamedModule {
  readonly name: string;
  readonly files?: readonly { readonly name: string }[];
}

/** Beyond what every instrumentation has: of InstrumentationBase, in all its versions since 0.30. */
interface Details {
  readonly _modules?: readonly NamedModule[];
  readonly getConfig?: () => Config;
  readonly setConfig?: (config: Config) => void;
}

type AdoptingHost = Pick<InstrumentationHost, "modules" | "options" | "tracerProvider" | "meterProvider" | "isOn">;

/** Throws what the instrumentation throws while it starts. */
export function startOpenTelemetryInstrumentation(
  name: string,
  instrumentation: OpenTelemetryInstrumentation & Details,
  host: AdoptingHost,
): StartedInstrumentation {
  const { modules, options: readOptions, tracerProvider, meterProvider } = host;
  const started = { stop: () => instrumentation.disable() };
  const options = readOptions(name);
  if (Object.keys(options).length > 0) instrumentation.setConfig?.({ ...instrumentation.getConfig?.(), ...options });
  const definitions = instrumentation._modules ?? [];
  if (!isBase(instrumentation) || definitions.length === 0 || definitions.some((one) => isAbsolute(one.name))) {
    instrumentation.setTracerProvider(tracerProvider);
    instrumentation.setMeterProvider(meterProvider);
    if (instrumentation.getConfig?.().enabled !== true) {
      isPromiseOf(instrumentation.enable(), (error) =>
        log.warn(`instrumentation "${name}" has failed in its async enable (${describeError(error)})`),
      );
    }
    return started;
  }
  const onLoad = takeOver(name, instrumentation, definitions, host);
  const files = definitions.flatMap((one) => one.files ?? []);
  const names = [...definitions, ...files].map((one) => moduleName(one.name));
  const safe: OnLoad = (exports, loaded) => {
    try {
      return notAwaited(onLoad(exports, loaded));
    } catch (error) {
      const text = `instrumentation "${name}" has failed with "${loaded.name}" (${describeError(error)}); that works as ever`;
      log.warnSometimes(`load ${name} ${loaded.name}`, text);
      return undefined;
    }
  };
  for (const packageName of new Set(names.map(packageOf))) {
    const paths = names.filter((one) => one !== packageName && packageOf(one) === packageName);
    modules.watch(packageName, safe, paths);
  }
  return started;
}

function isBase(instrumentation: object): instrumentation is BaseInstrumentation {
  const { _hooks: hooks, _wrap: wrap, _onRequire: onRequire } = instrumentation as Partial<BaseInstrumentation>;
  return Array.isArray(hooks) && typeof wrap === "function" && typeof onRequire === "function";
}

/** An instance that the plug-in has made has hooks already, by its own copies of the hooking packages; they find nothing to do. */
function takeOver(
  name: string,
  instrumentation: BaseInstrumentation & OpenTelemetryInstrumentation,
  definitions: readonly NamedModule[],
  host: AdoptingHost,
): ReturnType<typeof adopt> {
  instrumentation.disable();
  const onLoad = adopt(instrumentation, {}, { name, followsAsync: true }, host, definitions);
  instrumentation._onRequire = (_definition, exports) => exports;
  instrumentation.setMeterProvider(host.meterProvider);
  return onLoad;
}

// Runs an instrumentation of a plug-in that is made for OpenTelemetry: on redtrail's hooks where it names packages, else as it is.
import { isAbsolute } from "node:path";
import { describeError } from "../../src/diagnostics/describe-error.ts";
import { log } from "../../src/diagnostics/log.ts";
import type { OpenTelemetryInstrumentation } from "../../src/plugins/plugin.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { packageOf } from "../modules.ts";
import type { StartedInstrumentation } from "./host.ts";
import { type BaseInstrumentation, adopt } from "../upstream/adopt.ts";

type Config = Record<string, unknown> & { readonly enabled?: boolean };

/** Beyond what every instrumentation has: of InstrumentationBase, in all its versions since 0.30. */
interface Details {
  readonly _modules?: readonly { readonly name: string }[];
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
    if (instrumentation.getConfig?.().enabled !== true) instrumentation.enable();
    return started;
  }
  const onLoad = takeOver(name, instrumentation, definitions, host);
  for (const packageName of new Set(definitions.map((one) => packageOf(one.name.replace(/^node:/, ""))))) {
    modules.watch(packageName, (exports, loaded) => {
      try {
        return onLoad(exports, loaded);
      } catch (error) {
        const text = `instrumentation "${name}" has failed with "${loaded.name}" (${describeError(error)}); that works as ever`;
        log.warnSometimes(`load ${name} ${loaded.name}`, text);
        return undefined;
      }
    });
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
  definitions: readonly { readonly name: string }[],
  host: AdoptingHost,
): ReturnType<typeof adopt> {
  instrumentation.disable();
  const onLoad = adopt(instrumentation, {}, { name }, host, definitions);
  instrumentation._onRequire = (_definition, exports) => exports;
  instrumentation.setMeterProvider(host.meterProvider);
  return onLoad;
}

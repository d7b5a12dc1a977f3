// redtrail's instrumentations in the shape that upstream's `registerInstrumentations` takes.
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import {
  DEFAULT_INSTRUMENTATION_NAMES,
  INSTRUMENTATION_NAMES,
  type InstrumentationConfig,
  type InstrumentationWiring,
  startInstrumentations,
} from "../../instrumentations/index.ts";
import { readConfig } from "../config/read.ts";
import { VERSION } from "../version.ts";

type Wiring = Pick<InstrumentationWiring, "requestLog" | "sharedTraces" | "rows">;

/** They subscribe once, and for the life of the process. Without a configuration, as if no variable were set. */
export class NodeSdkInstrumentation {
  readonly instrumentationName = "redtrail";
  readonly instrumentationVersion: string = VERSION;
  readonly #config: InstrumentationConfig;
  readonly #wiring: Wiring;
  #provider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #enabled = false;

  constructor(
    config: InstrumentationConfig = readConfig({}, INSTRUMENTATION_NAMES, DEFAULT_INSTRUMENTATION_NAMES).config,
    wiring: Wiring = {},
  ) {
    this.#config = config;
    this.#wiring = wiring;
  }

  enable(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    startInstrumentations(this.#config, {
      provider: this.#provider,
      ...this.#wiring,
      meterProvider: this.#meterProvider,
    });
  }

  disable(): void {}

  /** Called before `enable`, with a provider that hears of the one that the NodeSDK registers later. */
  setTracerProvider(provider: TracerProvider): void {
    this.#provider = provider;
  }

  setMeterProvider(provider: MeterProvider): void {
    this.#meterProvider = provider;
  }

  setConfig(): void {}

  getConfig(): { enabled?: boolean } {
    return { enabled: this.#enabled };
  }
}

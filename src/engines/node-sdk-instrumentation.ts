// redtrail's instrumentations in the shape that upstream's `registerInstrumentations` takes.
import type { TracerProvider } from "@opentelemetry/api";
import {
  DEFAULT_INSTRUMENTATION_NAMES,
  INSTRUMENTATION_NAMES,
  type InstrumentationConfig,
  startInstrumentations,
} from "../../instrumentations/index.ts";
import { readConfig } from "../config/read.ts";
import type { WriteRequest } from "../request-log/record.ts";
import type { SharedTraces } from "../trace-store/shared-traces.ts";
import { VERSION } from "../version.ts";

/** They subscribe once, and for the life of the process. Without a configuration, as if no variable were set. */
export class NodeSdkInstrumentation {
  readonly instrumentationName = "redtrail";
  readonly instrumentationVersion: string = VERSION;
  readonly #config: InstrumentationConfig;
  readonly #requestLog: WriteRequest | undefined;
  readonly #sharedTraces: SharedTraces | undefined;
  #provider: TracerProvider | undefined;
  #enabled = false;

  constructor(
    config: InstrumentationConfig = readConfig({}, INSTRUMENTATION_NAMES, DEFAULT_INSTRUMENTATION_NAMES).config,
    requestLog?: WriteRequest,
    sharedTraces?: SharedTraces,
  ) {
    this.#sharedTraces = sharedTraces;
    this.#config = config;
    this.#requestLog = requestLog;
  }

  enable(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    startInstrumentations(this.#config, {
      provider: this.#provider,
      requestLog: this.#requestLog,
      sharedTraces: this.#sharedTraces,
    });
  }

  disable(): void {}

  /** Called before `enable`, with a provider that hears of the one that the NodeSDK registers later. */
  setTracerProvider(provider: TracerProvider): void {
    this.#provider = provider;
  }

  setMeterProvider(): void {}

  setConfig(): void {}

  getConfig(): { enabled?: boolean } {
    return { enabled: this.#enabled };
  }
}

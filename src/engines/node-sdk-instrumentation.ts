// redtrail's instrumentations in the shape that upstream's `registerInstrumentations` takes.
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import {
  DEFAULT_INSTRUMENTATION_NAMES,
  INSTRUMENTATION_NAMES,
  INSTRUMENTATIONS,
  type InstrumentationConfig,
  startInstrumentations,
} from "../../instrumentations/index.ts";
import type { InstrumentationRow } from "../../instrumentations/instrumentation.ts";
import { readConfig } from "../config/read.ts";
import type { WriteRequest } from "../request-log/record.ts";
import { VERSION } from "../version.ts";

/** They subscribe once, and for the life of the process. Without a configuration, as if no variable were set. */
export class NodeSdkInstrumentation {
  readonly instrumentationName = "redtrail";
  readonly instrumentationVersion: string = VERSION;
  readonly #config: InstrumentationConfig;
  readonly #requestLog: WriteRequest | undefined;
  readonly #rows: readonly InstrumentationRow[];
  #provider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #enabled = false;

  constructor(
    config: InstrumentationConfig = readConfig({}, INSTRUMENTATION_NAMES, DEFAULT_INSTRUMENTATION_NAMES).config,
    requestLog?: WriteRequest,
    rows: readonly InstrumentationRow[] = INSTRUMENTATIONS,
  ) {
    this.#config = config;
    this.#requestLog = requestLog;
    this.#rows = rows;
  }

  enable(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    startInstrumentations(this.#config, {
      provider: this.#provider,
      meterProvider: this.#meterProvider,
      requestLog: this.#requestLog,
      rows: this.#rows,
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

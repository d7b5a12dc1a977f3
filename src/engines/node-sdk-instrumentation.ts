// redtrail's instrumentations in the shape that upstream's `registerInstrumentations` takes.
import { INSTRUMENTATION_NAMES, startInstrumentations } from "../../instrumentations/index.ts";
import type { TracerProvider } from "@opentelemetry/api";
import type { Config } from "../config/config.ts";
import { VERSION } from "../version.ts";

/** They subscribe once, and for the life of the process. */
export class NodeSdkInstrumentation {
  readonly instrumentationName = "redtrail";
  readonly instrumentationVersion: string = VERSION;
  readonly #config: Pick<Config, "enabledInstrumentations" | "requestId" | "propagators">;
  #provider: TracerProvider | undefined;
  #enabled = false;

  constructor(
    config: Pick<Config, "enabledInstrumentations" | "requestId" | "propagators"> = {
      enabledInstrumentations: INSTRUMENTATION_NAMES,
      requestId: { format: "uuid7", echo: true },
      propagators: ["requestid"],
    },
  ) {
    this.#config = config;
  }

  enable(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    const { enabledInstrumentations, requestId, propagators } = this.#config;
    const options = {
      echoRequestId: requestId.echo,
      requestIdIsTraceId: requestId.format === "traceid" && propagators.includes("requestid"),
    };
    startInstrumentations(enabledInstrumentations, options, this.#provider);
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

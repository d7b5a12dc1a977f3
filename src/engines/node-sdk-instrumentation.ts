// redtrail's instrumentations in the shape that upstream's `registerInstrumentations` takes.
import { INSTRUMENTATION_NAMES, startInstrumentations } from "../../instrumentations/index.ts";
import type { Config } from "../config/config.ts";
import { VERSION } from "../version.ts";

/** They subscribe once and for the life of the process; spans go to whatever provider the API has registered. */
export class NodeSdkInstrumentation {
  readonly instrumentationName = "redtrail";
  readonly instrumentationVersion: string = VERSION;
  readonly #config: Pick<Config, "enabledInstrumentations" | "requestId" | "propagators">;
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
    startInstrumentations(enabledInstrumentations, {
      echoRequestId: requestId.echo,
      requestIdIsTraceId: requestId.format === "traceid" && propagators.includes("requestid"),
    });
  }

  disable(): void {}

  setTracerProvider(): void {}

  setMeterProvider(): void {}

  setConfig(): void {}

  getConfig(): { enabled?: boolean } {
    return { enabled: this.#enabled };
  }
}

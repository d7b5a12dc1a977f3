// What a format's writer is to the exposition.
import type { Attributes } from "@opentelemetry/api";
import type { ByteWriter } from "./byte-writer.ts";
import type { Family } from "./families.ts";
import type { Naming } from "./names.ts";

export interface WriterOptions {
  readonly naming: Naming;
  /** Labels of every sample, of the resource. */
  readonly constantLabels: () => Attributes;
  /** Whether samples name their instrumentation. */
  readonly scopeLabels: boolean;
  /** Whether OpenMetrics text has `_created` samples. */
  readonly created: boolean;
}

/** Why a series is not written: it is one with another to Prometheus, or a counter that is negative or no number. */
export type LeftOut = "duplicate" | "negative";

export interface FamilyWriter {
  /** Writes a family; pauses after each series, so that a large scrape can make room for the app. */
  write(out: ByteWriter, family: Family, onLeftOut: (why: LeftOut) => void): Generator<void, void>;
  /** Writes `target_info`. */
  target(out: ByteWriter, resource: Attributes): void;
  end(out: ByteWriter): void;
}

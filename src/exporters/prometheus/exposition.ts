// Turns collected metrics into the body of a scrape, in the format that was asked for, in turns of a few milliseconds.
import type { Attributes } from "@opentelemetry/api";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGlobTest } from "../../glob.ts";
import { log } from "../../diagnostics/log.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type Family, groupFamilies } from "./families.ts";
import type { Body, Escaping, Format, Syntax } from "./format.ts";
import { type Naming, type TranslationStrategy, createNaming } from "./names.ts";
import { createProtobufWriter } from "./protobuf.ts";
import { createTextWriter } from "./text.ts";
import type { FamilyWriter, LeftOut, WriterOptions } from "./writer.ts";

export interface ExpositionOptions {
  /** @default underscoreescapingwithsuffixes */
  readonly translationStrategy?: TranslationStrategy;
  /** Whether samples name their instrumentation (`otel_scope_*`). @default true */
  readonly scopeLabels?: boolean;
  /** @default true */
  readonly targetInfo?: boolean;
  /** Keys of resource attributes that every sample carries, `*` for any characters. @default none */
  readonly resourceLabels?: readonly string[];
  /** Whether OpenMetrics text has `_created` samples. @default false */
  readonly created?: boolean;
}

export type Exposition = (
  resourceMetrics: ResourceMetrics,
  format: Pick<Format, "syntax" | "escaping">,
) => Promise<Body>;

/** The app waits no longer than this for a turn, and what is in the midst of being written. */
const MAX_TURN_MS = 1;
/** Looking at the clock for each series would cost as much as writing it. */
const SERIES_PER_LOOK = 4;

interface Writer {
  readonly naming: Naming;
  readonly families: FamilyWriter;
}

/** An exposition with a memory: what a series' lines begin with is made once per format. */
export function createExposition({
  translationStrategy = "underscoreescapingwithsuffixes",
  scopeLabels = true,
  targetInfo = true,
  resourceLabels = [],
  created = false,
}: ExpositionOptions = {}): Exposition {
  const writers = new Map<string, Writer>();
  const isConstant = createGlobTest(resourceLabels);
  let constantLabels: Attributes | undefined;

  function writerFor(syntax: Syntax, escaping: Escaping): Writer {
    // Names without other characters are the same in every escaping.
    const shared = translationStrategy.startsWith("underscore") ? "underscores" : escaping;
    const key = `${syntax} ${shared}`;
    let writer = writers.get(key);
    if (writer === undefined) {
      const naming = createNaming(translationStrategy, shared);
      const options = { naming, scopeLabels, created, constantLabels: () => constantLabels ?? {} };
      writers.set(key, (writer = { naming, families: createWriter(syntax, options) }));
    }
    return writer;
  }

  return async ({ resource, scopeMetrics }, { syntax, escaping }) => {
    constantLabels ??= pick(resource.attributes, isConstant);
    const { naming, families } = writerFor(syntax, escaping);
    const out = new ByteWriter();
    try {
      let began = performance.now();
      let series = 0;
      for (const family of groupFamilies(scopeMetrics, naming, syntax)) {
        for (const _ of tryWrite(out, families, family)) {
          if (++series % SERIES_PER_LOOK !== 0 || performance.now() - began < MAX_TURN_MS) continue;
          // oxlint-disable-next-line no-await-in-loop -- to let the app have its turn is the purpose.
          await nextTurn();
          began = performance.now();
        }
      }
      if (targetInfo) families.target(out, resource.attributes);
      families.end(out);
      return out.finish();
    } catch (error) {
      out.discard();
      throw error;
    }
  };
}

function createWriter(syntax: Syntax, options: WriterOptions): FamilyWriter {
  return syntax === "protobuf" ? createProtobufWriter(options) : createTextWriter(options, syntax === "openmetrics");
}

/** The SDK checks nothing that a producer hands in: what cannot be written costs its family, not the scrape. */
function* tryWrite(out: ByteWriter, families: FamilyWriter, family: Family): Generator<void, void> {
  const mark = out.byteLength;
  const { sample } = family;
  try {
    yield* families.write(out, family, (why) => warnLeftOut(sample, why));
  } catch (error) {
    out.rollBack(mark);
    log.warnSometimes(`write ${sample}`, `metric "${sample}" cannot be written (${String(error)}); it is left out`);
  }
}

const LEFT_OUT: Record<LeftOut, string> = {
  duplicate: "has series whose labels are the same to Prometheus; only the first of them is written",
  negative: "is a counter, but has a series that is negative or no number; it is left out",
};

function warnLeftOut(name: string, why: LeftOut): void {
  log.warnSometimes(`${why} ${name}`, `metric "${name}" ${LEFT_OUT[why]}`);
}

function pick(attributes: Attributes, isPicked: (key: string) => boolean): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => isPicked(key)));
}

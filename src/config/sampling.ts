// Reads the settings of samplers.
import { isParentBased } from "../sampling/index.ts";
import type { KeepErrors } from "../sampling/keep.ts";
import { parseSamplingRule } from "../sampling/rules.ts";
import type { Config } from "./config.ts";
import { SETTINGS } from "./settings.ts";
import type { SettingReader } from "./reader.ts";

type Chosen = Pick<Config, "sampler" | "samplerRatio" | "samplerArg">;

/** `arg`: OTEL_TRACES_SAMPLER_ARG as it was written. */
export function readSampling(reader: SettingReader, arg: string | undefined): Chosen & Pick<Config, "sampling"> {
  const chosen = { ...readSampler(reader), samplerArg: arg === "" ? undefined : arg };
  return { ...chosen, sampling: { ...readHead(reader, chosen.sampler), ...readTail(reader) } };
}

function readHead(reader: SettingReader, sampler: string): Pick<Config["sampling"], "rules" | "perSecond"> {
  const rules = readRules(reader);
  const perSecond = reader.get("REDTRAIL_SAMPLING_RATE_LIMIT") as number | undefined;
  if ((rules.length === 0 && perSecond === undefined) || isParentBased(sampler)) return { rules, perSecond };
  reader.problems.push(
    `OTEL_TRACES_SAMPLER="${sampler}" decides for each span alone; REDTRAIL_SAMPLING_RULES and REDTRAIL_SAMPLING_RATE_LIMIT are ignored (a parentbased sampler takes them)`,
  );
  return { rules: [], perSecond: undefined };
}

const KEEP_ERRORS: Readonly<Record<string, KeepErrors>> = { false: "none", true: "any", root: "root" };

function readTail(reader: SettingReader): Pick<Config["sampling"], "keepErrors" | "keepSlowMs" | "maxWaitingSpans"> {
  return {
    keepErrors: KEEP_ERRORS[reader.get("REDTRAIL_SAMPLING_KEEP_ERRORS") as string] as KeepErrors,
    keepSlowMs: reader.get("REDTRAIL_SAMPLING_KEEP_SLOW") as number | undefined,
    maxWaitingSpans: reader.get("REDTRAIL_SAMPLING_BUFFER_SPANS") as number,
  };
}

/** By the letter a ratio alone would be ignored; who sets one wants it (see RATIONALE.md). */
function readSampler(reader: SettingReader): Pick<Config, "sampler" | "samplerRatio"> {
  if (reader.isSet("OTEL_TRACES_SAMPLER")) return readNamedSampler(reader);
  const problemsBefore = reader.problems.length;
  const samplerRatio = reader.get("OTEL_TRACES_SAMPLER_ARG") as number;
  const isUsable = reader.isSet("OTEL_TRACES_SAMPLER_ARG") && reader.problems.length === problemsBefore;
  if (!isUsable) return { sampler: reader.get("OTEL_TRACES_SAMPLER") as string, samplerRatio };
  reader.problems.push(
    `OTEL_TRACES_SAMPLER_ARG="${samplerRatio}" is set without OTEL_TRACES_SAMPLER; using parentbased_traceidratio`,
  );
  return { sampler: "parentbased_traceidratio", samplerRatio };
}

/** What the argument is, is the business of a plug-in's sampler. */
function readNamedSampler(reader: SettingReader): Pick<Config, "sampler" | "samplerRatio"> {
  const sampler = reader.get("OTEL_TRACES_SAMPLER") as string;
  const isOurs = SETTINGS.get("OTEL_TRACES_SAMPLER")?.values?.includes(sampler) === true;
  return { sampler, samplerRatio: isOurs ? (reader.get("OTEL_TRACES_SAMPLER_ARG") as number) : 1 };
}

function readRules(reader: SettingReader): Config["sampling"]["rules"] {
  const text = (reader.get("REDTRAIL_SAMPLING_RULES") ?? "") as string;
  return text.split(";").flatMap((part) => {
    if (part.trim() === "") return [];
    const rule = parseSamplingRule(part);
    if (rule !== undefined) return [rule];
    reader.problems.push(
      `REDTRAIL_SAMPLING_RULES="${text}" holds "${part.trim()}", which is no rule such as "0.1 method=GET path=/static/*"; it is left out`,
    );
    return [];
  });
}

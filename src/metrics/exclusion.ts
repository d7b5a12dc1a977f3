// Spans that are left out of the metrics by setting: health checks, a kind, a library. Pure.
import { createGlobTest } from "../glob.ts";

export interface Exclusion {
  readonly what: "route" | "name" | "kind" | "scope";
  /** May hold `*` for any number of characters. */
  readonly glob: string;
}

/** What an exclusion looks at. */
export interface Candidate {
  readonly route: string | undefined;
  readonly name: string;
  readonly kind: string;
  readonly scope: string;
}

/** `route:/healthz`, `name:GET /internal/*`, `kind:producer`, `scope:@opentelemetry/*`; undefined if it is none of these. */
export function parseExclusion(text: string): Exclusion | undefined {
  const colon = text.indexOf(":");
  const what = text.slice(0, Math.max(colon, 0)).trim().toLowerCase();
  const glob = text.slice(colon + 1).trim();
  if (glob === "" || (what !== "route" && what !== "name" && what !== "kind" && what !== "scope")) return undefined;
  return { what, glob: what === "kind" ? glob.toLowerCase() : glob };
}

/** Undefined where nothing is excluded, so that nobody pays for asking. */
export function createExclusionTest(exclusions: readonly Exclusion[]): ((candidate: Candidate) => boolean) | undefined {
  if (exclusions.length === 0) return undefined;
  const tests = exclusions.map(({ what, glob }) => ({ what, isMatch: createGlobTest([glob]) }));
  return (candidate) =>
    tests.some(({ what, isMatch }) => {
      const text = candidate[what];
      return text !== undefined && isMatch(text);
    });
}

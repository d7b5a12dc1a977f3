// Makes the process's redactor from its settings; says which patterns cannot be used.
import type { RedactionConfig } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import { loadRedactionPatterns } from "../lazy.ts";
import { type Redactor, createRedactor } from "./redactor.ts";

export function createConfiguredRedactor({ dbQueries, keys, patterns }: RedactionConfig): Redactor {
  if (patterns.length === 0) return createRedactor({ dbQueries, keys });
  const { replace, refused } = loadRedactionPatterns().compilePatterns(patterns);
  for (const { pattern, reason } of refused) {
    // One line, whatever is in it.
    const shown = pattern.replaceAll(/\p{Cc}/gu, " ");
    log.warn(`REDTRAIL_REDACT_PATTERNS holds "${shown}", which ${reason}; it is left out`);
  }
  return createRedactor({ dbQueries, keys, replacePatterns: replace });
}

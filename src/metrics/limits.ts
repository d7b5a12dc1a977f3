// What is said, once, when RED metrics meet a limit.
import { log } from "../diagnostics/log.ts";

export function warnOfLimit(metric: string, limit: number, label?: string): void {
  log.warn(
    label === undefined
      ? `${metric} has reached its ${limit} series (REDTRAIL_RED_SERIES_LIMIT); further ones are counted together as otel_metric_overflow="true"`
      : `${metric} has ${limit} values of ${label} (REDTRAIL_RED_LABEL_LIMITS); further ones are counted as "_other"`,
  );
}

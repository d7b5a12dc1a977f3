// When two series are the same one, whichever process they come from.
import type { Attributes, HrTime } from "@opentelemetry/api";
import type { Scope, SeriesType } from "./protocol.ts";

export interface MetricIdentity {
  readonly scope: Scope;
  readonly name: string;
  readonly unit: string;
  readonly type: SeriesType;
}

export function metricKey({ scope, name, unit, type }: MetricIdentity): string {
  return `${scope.name}\0${scope.version ?? ""}\0${scope.schemaUrl ?? ""}\0${name}\0${unit}\0${type}`;
}

/** Whatever the order of the keys. */
export function attributesKey(attributes: Attributes): string {
  const keys = Object.keys(attributes).toSorted();
  return JSON.stringify(keys.map((key) => [key, attributes[key]]));
}

/** A counter with a later start has begun at zero again. */
export function isLater([seconds, nanoseconds]: HrTime, than: HrTime): boolean {
  return seconds > than[0] || (seconds === than[0] && nanoseconds > than[1]);
}

// Whether an OpenTelemetry SDK is registered: in the API's global registry, whatever copy of the API wrote it.

/** Its API, for a message; undefined where there is none. */
export function registeredSdk(): string | undefined {
  const registry = (globalThis as Record<symbol, unknown>)[Symbol.for("opentelemetry.js.api.1")];
  const { trace, version } = (registry ?? {}) as { trace?: unknown; version?: string };
  return trace === undefined ? undefined : `@opentelemetry/api ${version ?? "of unknown version"}`;
}

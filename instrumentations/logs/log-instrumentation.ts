// What the instrumentations of log libraries are told.

export interface LogInstrumentation {
  /** Whether records go to the OpenTelemetry logs API too. */
  readonly emits: boolean;
}

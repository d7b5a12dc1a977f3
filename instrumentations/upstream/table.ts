// The instrumentations that are OpenTelemetry's own: which packages each is for, and how redtrail sets it up.
// https://github.com/open-telemetry/opentelemetry-js-contrib

export interface UpstreamRow {
  /** As OTEL_NODE_ENABLED_INSTRUMENTATIONS names it: `@opentelemetry/instrumentation-<name>`. */
  readonly name: string;
  /** What it instruments, for people. */
  readonly targets: string;
  /** The packages whose loading it waits for. */
  readonly packages: readonly string[];
  /** The options that REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION> may set; those that are functions are left out. */
  readonly options: readonly string[];
  /** Where redtrail's defaults are not upstream's. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** On only where OTEL_NODE_ENABLED_INSTRUMENTATIONS names it: it tells of the inside of libraries. @default false */
  readonly isOffByDefault?: boolean;
}

export const UPSTREAM: readonly UpstreamRow[] = [
  {
    name: "pg",
    targets: "pg 8, pg-pool",
    packages: ["pg", "pg-pool"],
    options: [
      "requireParentSpan",
      "enhancedDatabaseReporting",
      "addSqlCommenterCommentToQueries",
      "ignoreConnectSpans",
    ],
    // A span for each connection taken from a pool says little, and doubles the spans of a query.
    defaults: { ignoreConnectSpans: true },
  },
];

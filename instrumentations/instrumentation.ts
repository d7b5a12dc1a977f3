// What redtrail asks of an instrumentation of its own: a function that subscribes once, with all decisions made then.
import type { MeterProvider, Tracer, TracerProvider } from "@opentelemetry/api";
import type {
  CapturedHeaders,
  LogLibrary,
  MessagingConfig,
  PropagationConfig,
  RequestIdConfig,
} from "../src/config/config.ts";
import type { WriteRequest } from "../src/request-log/record.ts";
import type { SharedTraces } from "../src/trace-store/shared-traces.ts";
import type { ReadOptions } from "./options.ts";
import type { ModuleWatcher } from "./modules.ts";

/** Of log libraries. */
export interface LogInstrumentation {
  /** Whose records get the ids of the request. */
  readonly correlated: readonly LogLibrary[];
  /** Whether records go to the OpenTelemetry logs API too. */
  readonly emits: boolean;
}

export interface InstrumentationHost {
  /** A tracer whose scope names the instrumentation. */
  readonly tracer: Tracer;
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** What REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION> sets; `known` are the names that it may set. */
  readonly options: ReadOptions;
  /** Tells of the packages that the app loads. */
  readonly modules: ModuleWatcher;
  /** Whether the instrumentation of that name runs. */
  readonly isOn: (name: string) => boolean;
  readonly requestId: RequestIdConfig;
  readonly propagation: PropagationConfig;
  /** Whether a request without an id takes that of its trace (REDTRAIL_REQUEST_ID_FORMAT=traceid). */
  readonly requestIdIsTraceId: boolean;
  /** Headers of requests that samplers ask for, and that become attributes for it. */
  readonly samplingHeaders: readonly string[];
  /** Headers that become attributes. */
  readonly capturedHeaders: CapturedHeaders;
  /** How messages belong to their senders. */
  readonly messaging: MessagingConfig;
  /** What of log libraries is on. */
  readonly logs: LogInstrumentation;
  /** Takes each request that a server has answered; undefined when nobody wants it. */
  readonly requestLog: WriteRequest | undefined;
  /** Where the trace of a request that brought only its id may be; undefined without shared storage. */
  readonly sharedTraces: SharedTraces | undefined;
}

export interface InstrumentationRow {
  /** As OTEL_NODE_ENABLED_INSTRUMENTATIONS names it. */
  readonly name: string;
  /** What it instruments, for people. */
  readonly targets: string;
  /** On only where OTEL_NODE_ENABLED_INSTRUMENTATIONS names it. @default false */
  readonly isOffByDefault?: boolean;
  /** Begins to instrument, for the life of the process. Never throws. */
  readonly start: (host: InstrumentationHost) => void;
}

// Starts redtrail in this process: configuration, engine, instrumentations, life cycle. The one place where parts are wired.
import { DiagLogLevel, context as contextApi, diag, propagation } from "@opentelemetry/api";
import {
  DEFAULT_INSTRUMENTATION_NAMES,
  INSTRUMENTATION_NAMES,
  startInstrumentations,
} from "../instrumentations/index.ts";
import type { Config, LogLevel } from "./config/config.ts";
import { readEnvironment } from "./config/environment.ts";
import { diagLogger, log, setLogLevel } from "./diagnostics/log.ts";
import { type Destinations, type Engine, type Parts, requestsTo } from "./engines/engine.ts";
import { createNativeEngine } from "./engines/native.ts";
import { loadNodeSdkEngine } from "./lazy.ts";
import { followLifecycle } from "./lifecycle.ts";
import { createParts } from "./parts.ts";
import { getState, setSharedTraces, setState } from "./state.ts";
import { VERSION } from "./version.ts";

/** What `start()` returns: a handle on the telemetry that runs in this process. */
export interface Telemetry {
  /** Sends what waits to be sent; resolves when it is sent or the deadline (default REDTRAIL_SHUTDOWN_TIMEOUT) is over. */
  flush(deadlineMs?: number): Promise<void>;
  /** Sends what waits, and stops. Requests go on, without spans. */
  shutdown(deadlineMs?: number): Promise<void>;
}

const NOTHING: Telemetry = { flush: async () => {}, shutdown: async () => {} };

const DIAG_LEVELS: Record<LogLevel, DiagLogLevel> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  // The SDK's own info and debug lines come one level later than ours: see diagnostics/log.ts.
  info: DiagLogLevel.WARN,
  debug: DiagLogLevel.INFO,
  verbose: DiagLogLevel.DEBUG,
  all: DiagLogLevel.ALL,
};

/** Starts once per process; a further call, or a further copy of redtrail, gets the handle of the first. */
export function start(): Telemetry {
  const earlier = getState();
  if (earlier !== undefined) {
    log.debug("already loaded in this process; this second load does nothing");
    return earlier.telemetry ?? NOTHING;
  }
  const { config, problems } = readEnvironment(INSTRUMENTATION_NAMES, DEFAULT_INSTRUMENTATION_NAMES);
  setLogLevel(config.logLevel);
  const telemetry = startWith(config, problems);
  setState({ telemetry, messaging: config.messaging });
  return telemetry;
}

function startWith(config: Config, problems: readonly string[]): Telemetry {
  for (const problem of problems) log.warn(problem);
  const other = registeredSdk();
  if (other !== undefined) {
    log.warn(
      `the app has registered an OpenTelemetry SDK before (${other}); redtrail leaves everything to it and does nothing`,
    );
    return NOTHING;
  }
  const parts = createParts(config);
  contextApi.setGlobalContextManager(parts.contextManager);
  propagation.setGlobalPropagator(parts.propagator);
  const engine = config.disabled ? undefined : createEngine(parts);
  // After the engine: upstream's NodeSDK sets a logger of its own.
  diag.setLogger(diagLogger, { logLevel: DIAG_LEVELS[config.logLevel], suppressOverrideMessage: true });
  startInstrumentations(config, {
    requestLog: engine === undefined ? undefined : parts.requestLog?.write,
    sharedTraces: parts.sharedTraces,
  });
  if (engine === undefined) {
    log.info(`${VERSION}: OTEL_SDK_DISABLED="true", no spans and no metrics; headers are still propagated`);
    return NOTHING;
  }
  setSharedTraces(parts.sharedTraces);
  void engine.destinations.then((destinations) => log.info(startLine(parts, destinations)));
  return follow(engine, config.shutdownTimeoutMs);
}

function createEngine(parts: Parts): Engine {
  return parts.config.engine === "native" ? createNativeEngine(parts) : loadNodeSdkEngine().createNodeSdkEngine(parts);
}

function follow(engine: Engine, timeoutMs: number): Telemetry {
  const unfollow = followLifecycle(engine, timeoutMs);
  return {
    flush: (deadlineMs = timeoutMs) => engine.flush(deadlineMs),
    shutdown: (deadlineMs = timeoutMs) => {
      unfollow();
      return engine.shutdown(deadlineMs);
    },
  };
}

function startLine({ config, serviceName, sharedTraces }: Parts, { metrics, spans }: Destinations): string {
  const requests = requestsTo(config);
  const requestLog = requests === undefined ? "" : `, request log ${requests}`;
  const shared = sharedTraces === undefined ? "" : `, traces shared in ${sharedTraces.store.name}`;
  return `${VERSION}: service "${serviceName}", engine ${config.engine}, metrics ${metrics}, spans ${spans}${requestLog}${shared}`;
}

/** The API's global registry, whatever copy of the API wrote it. */
function registeredSdk(): string | undefined {
  const registry = (globalThis as Record<symbol, unknown>)[Symbol.for("opentelemetry.js.api.1")];
  const { trace, version } = (registry ?? {}) as { trace?: unknown; version?: string };
  return trace === undefined ? undefined : `@opentelemetry/api ${version ?? "of unknown version"}`;
}

// Starts redtrail in this process: configuration, engine, instrumentations, life cycle. The one place where parts are wired.
import { DiagLogLevel, context as contextApi, diag, propagation } from "@opentelemetry/api";
import { defaultNamesOf, namesOf, startInstrumentations, withPlugins } from "../instrumentations/index.ts";
import type { InstrumentationRow } from "../instrumentations/instrumentation.ts";
import type { Config, LogLevel } from "./config/config.ts";
import { pluginsOfEnvironment, readEnvironment } from "./config/environment.ts";
import { diagLogger, log, setLogLevel } from "./diagnostics/log.ts";
import { type Destinations, type Engine, type Parts, requestsTo } from "./engines/engine.ts";
import { createNativeEngine } from "./engines/native.ts";
import { loadNodeSdkEngine } from "./lazy.ts";
import { followLifecycle } from "./lifecycle.ts";
import { createParts } from "./parts.ts";
import { type LoadedPlugins, loadPlugins } from "./plugins/load.ts";
import { emptyRegistry, keepMeterProvider, refused, registeredSdk } from "./registered-sdk.ts";
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
  // A plug-in that starts redtrail while it loads gets nothing.
  setState({});
  const other = registeredSdk();
  const { names, folders } = pluginsOfEnvironment();
  const loaded = loadPlugins(other === undefined ? names : [], folders);
  const rows = withPlugins(loaded.plugins.instrumentations);
  const { config, problems } = readEnvironment(namesOf(rows), defaultNamesOf(rows), loaded.names);
  setLogLevel(config.logLevel);
  for (const problem of [...loaded.problems, ...problems]) log.warn(problem);
  const telemetry = other === undefined ? startWith(config, loaded, rows) : standAside(other);
  setState({ telemetry, messaging: config.messaging, requestIdHeaders: config.requestId.headers });
  return telemetry;
}

function standAside(other: string): Telemetry {
  log.warn(
    `the app has registered an OpenTelemetry SDK before (${other}); redtrail leaves everything to it and does nothing`,
  );
  return NOTHING;
}

function startWith(config: Config, { plugins, loaded }: LoadedPlugins, rows: readonly InstrumentationRow[]): Telemetry {
  const parts = createParts(config, plugins);
  const { contextManager, propagator } = parts;
  const before = emptyRegistry();
  contextApi.setGlobalContextManager(contextManager);
  propagation.setGlobalPropagator(propagator);
  const takenOver = keepMeterProvider(before);
  const engine = config.disabled ? undefined : createEngine(parts);
  // After the engine: upstream's NodeSDK sets a logger of its own.
  diag.setLogger(diagLogger, { logLevel: DIAG_LEVELS[config.logLevel], suppressOverrideMessage: true });
  const problem = refused({
    context: contextManager,
    propagation: propagator,
    ...(engine === undefined ? {} : { trace: true }),
  });
  for (const line of [takenOver, problem]) if (line !== undefined) log.warn(line);
  startInstrumentations(config, {
    rows,
    requestLog: engine === undefined ? undefined : parts.requestLog?.write,
    sharedTraces: parts.sharedTraces,
  });
  if (engine === undefined) {
    log.info(`${VERSION}: OTEL_SDK_DISABLED="true", no spans and no metrics; headers are still propagated`);
    return NOTHING;
  }
  setSharedTraces(parts.sharedTraces);
  void engine.destinations.then((destinations) => log.info(startLine(parts, destinations, loaded)));
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

function startLine(
  { config, serviceName, sharedTraces }: Parts,
  { metrics, spans }: Destinations,
  plugins: readonly string[],
): string {
  const requests = requestsTo(config);
  const requestLog = requests === undefined ? "" : `, request log ${requests}`;
  const shared = sharedTraces === undefined ? "" : `, traces shared in ${sharedTraces.store.name}`;
  const named = plugins.length === 0 ? "" : `, plug-ins ${plugins.join(", ")}`;
  const withoutId = config.propagators.includes("requestid") ? "" : ", no X-Request-ID (OTEL_PROPAGATORS)";
  return `${VERSION}: service "${serviceName}", engine ${config.engine}, metrics ${metrics}, spans ${spans}${requestLog}${shared}${withoutId}${named}`;
}

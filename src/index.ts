// The public API of redtrail.
import { loadMain } from "./lazy.ts";
import type { Telemetry } from "./start.ts";

export type { MessagingMode } from "./config/config.ts";
export { injectMessage, withMessage } from "./messaging/public.ts";
export { messageHeaders } from "./messaging/message-headers.ts";
export type { MessageOptions } from "./messaging/public.ts";
export { unwrapMessage, wrapMessage } from "./messaging/envelope.ts";
export type { Unwrapped } from "./messaging/envelope.ts";
export { getRequestId, requestId, setRequestId } from "./context/request-id.ts";
export { withRequest } from "./trace-store/public.ts";
export type { RequestOptions } from "./trace-store/public.ts";
export { VERSION as version } from "./version.ts";
export { defineInstrumentation, definePlugin } from "./plugins/plugin.ts";
export type {
  OpenTelemetryInstrumentation,
  OpenTelemetryInstrumentationClass,
  PluginInstrumentation,
  RedtrailPlugin,
  SamplerOptions,
} from "./plugins/plugin.ts";
export type {
  AnyFunction,
  ChannelTrace,
  InstrumentationDefinition,
  LoadedModule,
  MessageDetails,
  Options,
  PluginHost,
  ServerDetails,
  SpanDetails,
  SpanKindName,
  Wrapping,
} from "./plugins/definition.ts";
export { toOpenTelemetryExtension } from "./plugins/extension.ts";
export type { OpenTelemetryExtension } from "./plugins/extension.ts";
export type { Telemetry };

/**
 * Starts redtrail from code instead of by `--require redtrail/register`: call it before anything else is loaded.
 * Configured by the same environment variables; never throws. A second call returns the first one's handle.
 */
export function start(): Telemetry {
  return loadMain().start();
}

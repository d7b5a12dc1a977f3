// An instrumentation of redtrail's own style, and the host that it gets: small, and stable from 1.0 on.
import type { Attributes, Link, Meter, Span, Tracer } from "@opentelemetry/api";

/** Values by their names in code: what REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION> may change. */
export type Options = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface InstrumentationDefinition<Given extends Options = Options> {
  /** As OTEL_NODE_DISABLED_INSTRUMENTATIONS names it: lower case, mostly the package that it is for. */
  readonly name: string;
  /** Of the instrumentation, for its scope. */
  readonly version?: string;
  /** Every option with its default. A variable that is not of the same type is one line, and the default holds. */
  readonly options?: Given;
  /** Begins to instrument, for the life of the process. */
  readonly start: (host: PluginHost<Given>) => void;
}

export interface LoadedModule {
  /** The version of the package; undefined of a part of Node. */
  readonly version: string | undefined;
  /** The package's folder; "" of a part of Node. */
  readonly folder: string;
}

export interface SpanDetails {
  readonly attributes?: Attributes | undefined;
  readonly links?: Link[] | undefined;
}

export interface ServerDetails extends SpanDetails {
  /** What the caller has sent along: its trace and request id are continued. */
  readonly headers?: Record<string, unknown> | undefined;
}

export interface MessageDetails {
  /** `messaging.system`: `rabbitmq`, or a name of your own. */
  readonly system: string;
  /** The queue, topic or subject. */
  readonly destination: string;
  /** Of the message; they are read, and not written. */
  readonly headers?: Record<string, unknown> | undefined;
  readonly attributes?: Attributes | undefined;
  /** Messages that are processed together with this one. @default 1 */
  readonly batchSize?: number | undefined;
}

export type SpanKindName = "internal" | "client" | "server" | "producer" | "consumer";

export interface ChannelTrace<Message extends object> {
  /** @default client */
  readonly kind?: SpanKindName;
  /** What the span of a call is; undefined for one that gets none. */
  readonly start: (message: Message) => { readonly name: string; readonly attributes?: Attributes } | undefined;
  /** Before the span ends: `message.result` or `message.error` is there. */
  readonly end?: (span: Span, message: Message & { readonly result?: unknown; readonly error?: unknown }) => void;
}

export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
/** Of any parameters, and with any `this`: those of the function that it stands for. */
export type Wrapping = (this: never, ...args: never[]) => unknown;

/**
 * What an instrumentation works with. What its handlers throw, or reject with, stays with redtrail: one line a minute, and the app goes on.
 */
export interface PluginHost<Given extends Options = Options> {
  readonly name: string;
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** The definition's options, as the environment has them. */
  readonly options: Given;

  /** Subscribes to a channel of node:diagnostics_channel. */
  observe<Message>(channel: string, handle: (message: Message) => void): void;
  /** Makes a span of every call that a TracingChannel publishes (`tracing:<name>:start` and so on); the call runs inside of it. */
  traceChannel<Message extends object>(name: string, trace: ChannelTrace<Message>): void;
  /**
   * Gets what `package`, or a file of it (`package/lib/file.js`), exports: by `require` or `import`, before the app does.
   * What it returns takes the place of CommonJS exports, and of an ES module's default export.
   */
  watchModule(file: string, onLoad: (exports: never, loaded: LoadedModule) => unknown): void;
  /**
   * Puts `wrapper(original)` in the place of a function. When the wrapping fails, the app gets what the original gives all the same,
   * and the original is called once.
   */
  wrap(target: object, name: string | symbol, wrapper: (original: AnyFunction) => Wrapping): void;

  /** Runs a call to elsewhere inside a CLIENT span, which ends with it (with its promise), and tells of its error. */
  client<Result>(name: string, details: SpanDetails, run: (span: Span) => Result): Result;
  /** The same for a call that came from elsewhere. */
  server<Result>(name: string, details: ServerDetails, run: (span: Span) => Result): Result;
  /** The same for work in between. */
  internal<Result>(name: string, details: SpanDetails, run: (span: Span) => Result): Result;
  /** Sends a message inside a PRODUCER span: `send` gets its headers, with trace, request id and time in them. */
  producer<Result>(message: MessageDetails, send: (headers: Record<string, unknown>) => Result): Result;
  /** Processes a message inside a CONSUMER span, as child of its sender's or linked to it (REDTRAIL_MESSAGING_MODE). */
  consumer<Result>(message: MessageDetails, handle: () => Result): Result;
  /** Ends a span that was made with `tracer`, as failed if there is an error: what a callback is called with, `null` is none. */
  end(span: Span, error?: unknown): void;

  /** One line on stderr, with the instrumentation's name, by OTEL_LOG_LEVEL. Warnings: once a minute each. */
  readonly log: { warn(text: string): void; info(text: string): void; debug(text: string): void };
}

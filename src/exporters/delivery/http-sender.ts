// Posts a body to one URL and says what to do next: a sender for DeliveryQueue, and a blocking one for the end of the process.

import { AsyncLocalStorage } from "node:async_hooks";
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { VERSION } from "../../version.ts";
import type { SendResult } from "./queue.ts";

export interface HttpSenderOptions {
  /** http: or https:. Credentials in it become basic authentication. */
  readonly url: string;
  /** Sent with each request. @default {} */
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
  /** Bodies of more bytes than this are compressed. @default 1024 */
  readonly gzipThresholdBytes?: number;
}

export type HttpSender = (body: string) => Promise<SendResult>;

/** What http.request() needs, in a form that can be handed to another thread. */
type Target = Omit<RequestOptions, "headers"> & { readonly protocol: string; readonly headers: Record<string, string> };

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** The rest of a longer answer is not read: the connection is closed instead. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_DETAIL_LENGTH = 200;

/** The URL as it may be logged: no credentials, no query. */
export function loggableUrl(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "an invalid URL" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** What stays on the machine is not compressed: that would cost more than all the rest of a span, and save nothing. */
function gzipThreshold(url: string): number {
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host) ? Infinity : 1_024;
}

/** The sender never throws and never rejects; its requests are invisible for tracing and do not keep the process alive. */
export function createHttpSender(options: HttpSenderOptions): HttpSender {
  const target = targetOf(options);
  if (target === undefined) return () => Promise.resolve({ kind: "drop", reason: "invalid URL" });
  // The request that filled the batch must not be the parent of ours, nor be kept alive by our keep-alive socket.
  const outsideOfRequests = AsyncLocalStorage.snapshot();
  const poster = new Poster(target, options.timeoutMs, options.gzipThresholdBytes ?? gzipThreshold(options.url));
  return (body) => outsideOfRequests(() => context.with(suppressTracing(context.active()), () => poster.send(body)));
}

class Poster {
  readonly #target: Target;
  readonly #timeoutMs: number;
  readonly #gzipThresholdBytes: number;
  #agent: Agent | undefined;

  constructor(target: Target, timeoutMs: number, gzipThresholdBytes: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#gzipThresholdBytes = gzipThresholdBytes;
  }

  async send(text: string): Promise<SendResult> {
    try {
      const plain = Buffer.from(text);
      const zipped = plain.length > this.#gzipThresholdBytes ? await gzip(plain) : undefined;
      return toSendResult(await this.#post(zipped ?? plain, zipped !== undefined, true));
    } catch (error) {
      return toFailure(error);
    }
  }

  #post(body: Buffer, zipped: boolean, mayRepeat: boolean): Promise<Answer> {
    const http = loadHttp(this.#target.protocol);
    this.#agent ??= new http.Agent({ keepAlive: true, maxSockets: 1 });
    const encoding = zipped ? { "content-encoding": "gzip" } : {};
    const headers = { ...this.#target.headers, ...encoding, "content-length": body.length };
    const request = http.request({ ...this.#target, agent: this.#agent, headers });
    const answer = readAnswer(request, this.#timeoutMs);
    request.end(body);
    return answer.catch((error: unknown) => {
      // The server closed the idle connection while we wrote to it: this says nothing about the server.
      if (mayRepeat && request.reusedSocket && isReset(error)) return this.#post(body, zipped, false);
      throw error;
    });
  }
}

function readAnswer(request: ClientRequest, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let responded = false;
    const timer = setTimeout(() => {
      request.destroy(Object.assign(new Error("no answer in time"), { code: "timeout" }));
    }, timeoutMs).unref();
    const fail = (error: Error): void => {
      clearTimeout(timer);
      if (!responded) reject(error);
    };
    request.on("socket", (socket) => socket.unref());
    request.on("error", fail);
    request.on("close", () => {
      if (!responded) fail(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
    });
    request.on("response", (response) => {
      responded = true;
      collect(response, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  });
}

/** The status decides; a body that is too long, cut or too slow does not change what the server did with ours. */
function collect(response: IncomingMessage, resolve: (answer: Answer) => void): void {
  let bytes = 0;
  let text = "";
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (text.length < MAX_DETAIL_LENGTH) text += chunk.toString("utf8", 0, MAX_DETAIL_LENGTH);
    if (bytes > MAX_ANSWER_BYTES) response.destroy();
  });
  response.on("error", () => {});
  response.on("close", () => {
    resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], text });
  });
}

function toSendResult(answer: Answer): SendResult {
  const { status, retryAfter } = answer;
  const reason = String(status);
  if (status >= 200 && status < 300) return { kind: "ok" };
  if (status === 408 || status === 429 || status >= 500) {
    const afterMs = retryAfterMs(retryAfter, Date.now());
    return afterMs === undefined ? { kind: "retry", reason } : { kind: "retry", reason, afterMs };
  }
  const detail = answer.text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, MAX_DETAIL_LENGTH);
  return detail === "" ? { kind: "drop", reason } : { kind: "drop", reason, detail };
}

function toFailure(error: unknown): SendResult {
  const code = codeOf(error);
  // ERR_INVALID_CHAR and its like: the request itself is wrong, and will be next time.
  const hopeless = code.startsWith("ERR_INVALID_") || code.startsWith("ERR_HTTP_") || code.startsWith("ERR_UNESCAPED_");
  return { kind: hopeless ? "drop" : "retry", reason: code };
}

/** `Retry-After: 120` or `Retry-After: Wed, 21 Oct 2026 07:28:00 GMT` (RFC 9110, 10.2.3). */
function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function isReset(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ECONNRESET" || code === "EPIPE";
}

function targetOf(options: HttpSenderOptions): Target | undefined {
  const url = URL.parse(options.url);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  return {
    method: "POST",
    protocol: url.protocol,
    // WHATWG URLs keep the brackets of an IPv6 address, and sockets do not understand them.
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    path: url.pathname + url.search,
    headers: {
      "content-type": options.contentType,
      "user-agent": `redtrail/${VERSION}`,
      ...basicAuthorization(url),
      ...options.headers,
    },
  };
}

function basicAuthorization(url: URL): Record<string, string> {
  if (url.username === "" && url.password === "") return {};
  const credentials = `${decode(url.username)}:${decode(url.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Loaded with the first request: node:https alone costs 17 ms, which an app that never sends must not pay at its start. */
function loadHttp(protocol: string): Pick<typeof import("node:http"), "request" | "Agent"> {
  return protocol === "https:" ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");
}

function gzip(plain: Buffer): Promise<Buffer | undefined> {
  const zlib = process.getBuiltinModule("node:zlib");
  // An error here leaves the body as it is.
  return new Promise((resolve) => {
    zlib.gzip(plain, { level: 1 }, (error, zipped) => resolve(error === null ? zipped : undefined));
  });
}

/**
 * Runs in a thread of its own, so it is plain text with no import of ours.
 * state[0]: 1 when it is over; state[1]: bodies that the server took; state[2]: last HTTP status, 0 without an answer.
 */
const EXIT_WORKER = `
const { workerData } = require("node:worker_threads");
const { bodies, target } = workerData;
const state = new Int32Array(workerData.state);
const http = require(target.protocol === "https:" ? "node:https" : "node:http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
function finish() {
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
function post(index) {
  if (index === bodies.length) return finish();
  const body = Buffer.from(bodies[index]);
  const headers = { ...target.headers, "content-length": body.length };
  const request = http.request({ ...target, agent, headers }, (response) => {
    Atomics.store(state, 2, response.statusCode);
    if (response.statusCode < 200 || response.statusCode > 299) return finish();
    Atomics.store(state, 1, index + 1);
    response.resume();
    response.on("end", () => post(index + 1));
  });
  request.on("error", finish);
  request.end(body);
}
post(0);
`;

export interface ExitSendResult {
  /** Bodies that the server took, counted from the first one. */
  readonly delivered: number;
  /** Why the others were not; undefined when all were. */
  readonly failure: string | undefined;
}

/**
 * Posts the bodies one after another and blocks for `timeoutMs` milliseconds at most. It is for `process.on("exit")`,
 * where this thread's event loop runs no more; a thread of its own has one. Never throws.
 */
export function sendAtExit(options: HttpSenderOptions, bodies: readonly string[], timeoutMs: number): ExitSendResult {
  try {
    const target = targetOf(options);
    if (target === undefined) return { delivered: 0, failure: "invalid URL" };
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    const buffer = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
    const state = new Int32Array(buffer);
    // No arguments and no environment: a preload (ours, above all) must not run in this thread.
    const worker = new Worker(EXIT_WORKER, {
      eval: true,
      execArgv: [],
      env: {},
      workerData: { target, bodies, state: buffer },
    });
    worker.on("error", () => {});
    worker.unref();
    const wait = Atomics.wait(state, 0, 0, timeoutMs);
    const delivered = Atomics.load(state, 1);
    if (delivered === bodies.length) return { delivered, failure: undefined };
    const status = Atomics.load(state, 2);
    if (wait === "timed-out") return { delivered, failure: "timeout" };
    return { delivered, failure: status < 200 || status > 299 ? String(status || "no connection") : "connection lost" };
  } catch (error) {
    return { delivered: 0, failure: codeOf(error) };
  }
}

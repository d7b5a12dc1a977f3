// Posts bodies to one server after another until one answers: keep-alive, compressed, with deadlines, unseen by tracing.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { codeOf } from "../../error-code.ts";
import type { Reply } from "./send-result.ts";
import type { Target } from "./target.ts";

export interface HttpClientOptions {
  readonly targets: readonly Target[];
  /** Milliseconds until the whole answer must be there; 3 s of them at most until there is a connection. */
  readonly timeoutMs: number;
  /** Of an answer; the connection is closed on a longer one. @default 65536 */
  readonly maxAnswerBytes?: number | undefined;
}

/** Never rejects; its requests are invisible for tracing and do not keep the process alive. */
export type HttpClient = {
  post(body: Buffer): Promise<Reply>;
  /** The targets, those that work first. */
  targets(): readonly Target[];
};

export const MAX_ANSWER_BYTES = 65_536;
const MAX_CONNECT_MS = 3_000;
/** How long a target that failed is left alone while there are others: doubles with each further failure. */
const COOL_DOWN_MS = 1_000;
const MAX_COOL_DOWN_MS = 60_000;

export function createHttpClient({
  targets,
  timeoutMs,
  maxAnswerBytes = MAX_ANSWER_BYTES,
}: HttpClientOptions): HttpClient {
  const posters = targets.map((target) => new Poster(target, timeoutMs, maxAnswerBytes));
  // The request that filled the batch must not be the parent of ours, nor be kept alive by our keep-alive socket.
  const outsideOfRequests = AsyncLocalStorage.snapshot();
  let turn = 0;

  /** Those that are not cooling down, in turn; then the others, the soonest ready first. */
  function inOrder(): Poster[] {
    const now = performance.now();
    const rotated = [...posters.slice(turn), ...posters.slice(0, turn)];
    return rotated.toSorted((a, b) => Math.max(a.coolUntil, now) - Math.max(b.coolUntil, now));
  }

  async function postInTurn(body: Buffer): Promise<Reply> {
    let reply: Reply = { status: 0, failure: "invalid URL", hopeless: true };
    const order = inOrder();
    turn = (turn + 1) % Math.max(1, posters.length);
    for (const [index, poster] of order.entries()) {
      // One that is cooling down is asked only when there is no other.
      if (index > 0 && poster.coolUntil > performance.now()) break;
      reply = await poster.post(body);
      if (!isTroubleOfTarget(reply)) break;
    }
    return reply;
  }

  return {
    post: (body) => outsideOfRequests(() => context.with(suppressTracing(context.active()), () => postInTurn(body))),
    targets: () => inOrder().map(({ target }) => target),
  };
}

/** Another server may do better. */
function isTroubleOfTarget(reply: Reply): boolean {
  return "failure" in reply ? !reply.hopeless : reply.status === 429 || reply.status >= 500;
}

class Poster {
  readonly target: Target;
  /** By performance.now(). */
  coolUntil = 0;
  readonly #timeoutMs: number;
  readonly #maxAnswerBytes: number;
  #failures = 0;
  #agent: Agent | undefined;

  constructor(target: Target, timeoutMs: number, maxAnswerBytes: number) {
    this.target = target;
    this.#timeoutMs = timeoutMs;
    this.#maxAnswerBytes = maxAnswerBytes;
  }

  async post(body: Buffer): Promise<Reply> {
    const reply = await this.#try(body);
    if (isTroubleOfTarget(reply)) {
      this.coolUntil = performance.now() + Math.min(MAX_COOL_DOWN_MS, COOL_DOWN_MS * 2 ** this.#failures++);
    } else {
      this.coolUntil = 0;
      this.#failures = 0;
    }
    return reply;
  }

  async #try(plain: Buffer): Promise<Reply> {
    try {
      const zipped = plain.length > this.target.gzipThresholdBytes ? await gzip(plain) : undefined;
      return await this.#send(zipped ?? plain, zipped !== undefined, true);
    } catch (error) {
      const code = codeOf(error);
      const hopeless =
        code.startsWith("ERR_INVALID_") || code.startsWith("ERR_HTTP_") || code.startsWith("ERR_UNESCAPED_");
      return { status: 0, failure: code, hopeless };
    }
  }

  #send(body: Buffer, zipped: boolean, mayRepeat: boolean): Promise<Reply> {
    const { request: options, agent, headers } = this.target;
    const http = loadHttp(options.protocol);
    this.#agent ??= new http.Agent(agent);
    const encoding = zipped ? { "content-encoding": "gzip" } : {};
    const request = http.request({
      ...options,
      agent: this.#agent,
      headers: { ...headers, ...encoding, "content-length": body.length },
    });
    const reply = readReply(request, options.protocol === "https:", this.#timeoutMs, this.#maxAnswerBytes);
    request.end(body);
    return reply.catch((error: unknown) => {
      // The server closed the idle connection while we wrote to it: this says nothing about the server.
      if (mayRepeat && request.reusedSocket && isReset(error)) return this.#send(body, zipped, false);
      throw error;
    });
  }
}

function readReply(request: ClientRequest, isTls: boolean, timeoutMs: number, maxBytes: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let responded = false;
    const destroyAfter = (ms: number, code: string): NodeJS.Timeout =>
      setTimeout(() => request.destroy(Object.assign(new Error(code), { code })), ms).unref();
    const connecting = destroyAfter(Math.min(MAX_CONNECT_MS, timeoutMs), "connect timeout");
    const answering = destroyAfter(timeoutMs, "timeout");
    const end = (): void => {
      clearTimeout(connecting);
      clearTimeout(answering);
    };
    const fail = (error: Error): void => {
      end();
      if (!responded) reject(error);
    };
    request.on("socket", (socket) => {
      socket.unref();
      if (isConnected(socket, isTls)) clearTimeout(connecting);
      else socket.once(isTls ? "secureConnect" : "connect", () => clearTimeout(connecting));
    });
    request.on("error", fail);
    request.on("close", () => {
      if (!responded) fail(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
    });
    request.on("response", (response) => {
      responded = true;
      clearTimeout(connecting);
      collect(response, maxBytes, (reply) => {
        end();
        resolve(reply);
      });
    });
  });
}

/** A socket that is used again, or that a proxy's tunnel has made ready, says so no more. */
function isConnected(socket: Socket & { readonly secureConnecting?: boolean }, isTls: boolean): boolean {
  return isTls ? socket.secureConnecting === false : !socket.connecting;
}

/** A body that is too long, cut or too slow is no failure here: the status is known, and may be all that matters. */
function collect(response: IncomingMessage, maxBytes: number, resolve: (reply: Reply) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) response.destroy();
    else chunks.push(chunk);
  });
  response.on("error", () => {});
  response.on("close", () => {
    const { statusCode = 0, headers, complete } = response;
    resolve({
      status: statusCode,
      retryAfter: headers["retry-after"],
      location: headers.location,
      text: Buffer.concat(chunks).toString(),
      complete: complete && bytes <= maxBytes,
    });
  });
}

function isReset(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ECONNRESET" || code === "EPIPE";
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

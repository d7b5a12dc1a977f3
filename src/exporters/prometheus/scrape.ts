// Answers scrapes: the format that was asked for, compressed where that is wanted, at the pace of who reads it.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, finished } from "node:stream";
import { pipeline } from "node:stream/promises";
import { log } from "../../diagnostics/log.ts";
import type { Body, Format } from "./format.ts";
import { acceptsGzip, negotiate } from "./negotiate.ts";

/** Makes the exposition; it has `timeoutMs` for that. */
export type Scrape = (format: Format, timeoutMs: number) => Promise<Body>;

const DEFAULT_TIMEOUT_MS = 10_000;
const GZIP_FROM_BYTES = 1024;
/** Each holds a body in memory; beyond them scrapers are asked to come again. */
const MAX_SCRAPES = 20;
/** Who has not read its answer by then is sent away, so that the body can be given back. */
const SEND_TIMEOUT_MS = 30_000;

/** A function that answers GET and HEAD; it rejects, with nothing sent, when the scrape does. */
export function createScrapeListener(
  scrape: Scrape,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let scrapes = 0;
  return async (request, response) => {
    if (scrapes >= MAX_SCRAPES) {
      replyBusy(response, "too many scrapes at once");
      return;
    }
    scrapes++;
    let body: Body | undefined;
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    // Called once, after the last byte has left or the client has.
    finished(response, () => {
      isOver = true;
      scrapes--;
      clearTimeout(timer);
      release(body);
    });
    const format = negotiate(request.headers.accept);
    const made = await scrape(format, scrapeTimeoutMs(request));
    if (isOver) {
      release(made);
      return;
    }
    body = made;
    timer = setTimeout(() => response.destroy(), SEND_TIMEOUT_MS).unref();
    await send(request, response, format, made);
  };
}

/** One line of text. */
export function reply(response: ServerResponse, status: number, line: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${line}\n`);
}

export function replyBusy(response: ServerResponse, line: string): void {
  response.setHeader("retry-after", "1");
  reply(response, 503, line);
}

async function send(request: IncomingMessage, response: ServerResponse, format: Format, body: Body): Promise<void> {
  const isGzip = body.byteLength >= GZIP_FROM_BYTES && acceptsGzip(request.headers["accept-encoding"]);
  response.setHeader("content-type", format.contentType);
  response.setHeader("vary", "Accept, Accept-Encoding");
  if (isGzip) response.setHeader("content-encoding", "gzip");
  else response.setHeader("content-length", body.byteLength);
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  // One piece after the other, each when the one before has gone: the app's turn comes between them.
  const pieces = Readable.from(body.chunks);
  try {
    await (isGzip ? pipeline(pieces, createGzip(), response) : pipeline(pieces, response));
  } catch (error) {
    // The client left, or was too slow. It cannot take what it got for the whole: its connection is cut.
    log.debug(`a scrape was not read to its end (${String(error)})`);
  }
}

/** node:zlib costs 2 ms, which a start need not pay. It compresses in the thread pool. */
function createGzip(): NodeJS.ReadWriteStream {
  return process.getBuiltinModule("node:zlib").createGzip({ level: 1 });
}

function release(body: Body | undefined): void {
  try {
    body?.release();
  } catch (error) {
    log.warnSometimes("scrape-release", `memory of a scrape could not be given back (${String(error)})`);
  }
}

/** Prometheus says how long it waits; a tenth of it is left for the way back. */
function scrapeTimeoutMs(request: IncomingMessage): number {
  const seconds = Number(request.headers["x-prometheus-scrape-timeout-seconds"]);
  return seconds > 0 && seconds < 3_600 ? seconds * 900 : DEFAULT_TIMEOUT_MS;
}

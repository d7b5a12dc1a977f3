// Writes the request log to stdout as JSON lines, many with one call, and never so that the app would feel it.
import { writeSync } from "node:fs";
import { log } from "../diagnostics/log.ts";

const FLUSH_AFTER_MS = 100;
const MAX_WAITING_BYTES = 1_048_576;
const STDOUT = 1;

export class ConsoleSink {
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What a full pipe has not taken; goes first. */
  #rest: Buffer = Buffer.alloc(0);
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  add(line: string): void {
    if (this.#waitingBytes >= MAX_WAITING_BYTES) {
      this.#dropped++;
      log.warnSometimes(
        "request log stdout",
        `stdout is slower than the traffic; ${this.#dropped} records of the request log were dropped`,
      );
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length + 1;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS).unref();
  }

  /** Not process.stdout: setting it up costs milliseconds, and a closed one would raise an error in the app. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#waiting.length === 0 ? "" : `${this.#waiting.join("\n")}\n`;
    const bytes = Buffer.concat([this.#rest, Buffer.from(lines)]);
    this.#rest = Buffer.alloc(0);
    this.#waiting = [];
    this.#waitingBytes = 0;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      this.#rest = bytes.subarray(written);
      this.#waitingBytes = this.#rest.length;
      this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS).unref();
    }
  }
}

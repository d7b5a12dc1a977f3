// Writes the request log to stdout as JSON lines, many with one call, and never so that the app would feel it.
import { writeSync } from "node:fs";
import { log } from "../diagnostics/log.ts";

const FLUSH_AFTER_MS = 100;
const MAX_WAITING_BYTES = 1_048_576;
const STDOUT = 1;

export class ConsoleSink {
  #waiting: string[] = [];
  #waitingBytes = 0;
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
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.from(`${this.#waiting.join("\n")}\n`);
    this.#waiting = [];
    this.#waitingBytes = 0;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      // A pipe that is full: what is left goes first next time, the cut line included.
      const rest = bytes.toString("utf8", written).replace(/\n$/, "");
      this.#waiting.unshift(rest);
      this.#waitingBytes = rest.length;
      this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS).unref();
    }
  }
}

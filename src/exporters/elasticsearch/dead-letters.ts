// Keeps what the server refuses for good in a file that people can read: JSON lines, with a bound and one older generation.
import { log } from "../../diagnostics/log.ts";
import { codeOf } from "../../error-code.ts";

const MAX_FILE_BYTES = 10_485_760;
/** That wait for a slow disk. */
const MAX_UNWRITTEN_BYTES = 1_048_576;

export interface DeadLetter {
  readonly reason: string;
  readonly detail: string;
  /** JSON text. */
  readonly action: string;
  /** JSON text. */
  readonly document: string;
}

export class DeadLetterFile {
  readonly #file: string;
  readonly #maxBytes: number;
  #unwritten = "";
  #isWriting = false;
  #bytes: number | undefined;

  constructor(file: string, maxBytes: number = MAX_FILE_BYTES) {
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  /** Written off this thread. Never throws. */
  add({ reason, detail, action, document }: DeadLetter): void {
    if (this.#unwritten.length > MAX_UNWRITTEN_BYTES) return;
    const why = JSON.stringify({ time: new Date().toISOString(), reason, detail }).slice(0, -1);
    this.#unwritten += `${why},"action":${action},"document":${document}}\n`;
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    const { appendFile, rename, stat } = process.getBuiltinModule("node:fs/promises");
    while (this.#unwritten !== "") {
      const text = this.#unwritten;
      this.#unwritten = "";
      try {
        this.#bytes ??= await stat(this.#file).then(
          ({ size }) => size,
          () => 0,
        );
        if (this.#bytes > 0 && this.#bytes + text.length > this.#maxBytes) {
          await rename(this.#file, `${this.#file}.1`);
          this.#bytes = 0;
        }
        await appendFile(this.#file, text, { mode: 0o600 });
        this.#bytes += text.length;
      } catch (error) {
        log.warnSometimes(
          `dead letters ${this.#file}`,
          `the dead letter file "${this.#file}" cannot be written (${codeOf(error)})`,
        );
      }
    }
    this.#isWriting = false;
  }
}

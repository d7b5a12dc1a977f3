// Keeps the failures of a plug-in's part from the app: each is caught, said once a minute, and after many in a row the part is off.
import { describeError } from "../diagnostics/describe-error.ts";
import { log } from "../diagnostics/log.ts";
import { isPromiseOf } from "./rejection.ts";

/** In a row, by one method: something that fails now and then stays on. */
const MAX_FAILURES = 100;

/** Of one part: `plug-in "tenant": span processor TenantProcessor`. */
export class Guard {
  /** Nothing of the part is called any more. */
  isOff = false;
  readonly #part: string;
  readonly #consequence: string;

  /** `consequence`: what happens in its place, when it fails and when it is off. */
  constructor(part: string, consequence: string) {
    this.#part = part;
    this.#consequence = consequence;
  }

  method(name: string): MethodGuard {
    return new MethodGuard(this, name);
  }

  /** What an exporter says of itself, which is no failure of the plug-in: a backend may be away for long. */
  undelivered(error: unknown = new Error("it says no more")): void {
    const text = `${this.#part} could not deliver (${describeError(error)}); ${this.#consequence}`;
    log.warnSometimes(`${this.#part} undelivered`, text);
  }

  /** @internal */
  failed(method: string, error: unknown, inARow: number): void {
    const text = `${this.#part} has failed in ${method} (${describeError(error)}); ${this.#consequence}`;
    log.warnSometimes(`${this.#part} ${method}`, text);
    if (inARow < MAX_FAILURES || this.isOff) return;
    this.isOff = true;
    log.warn(`${this.#part} has failed ${inARow} times in a row and is switched off; ${this.#consequence}`);
  }
}

/** Used as `try { guard.passed(part.method()) } catch (error) { guard.failed(error) }`, so that a call needs no closure. */
export class MethodGuard {
  readonly #guard: Guard;
  readonly #name: string;
  #inARow = 0;

  constructor(guard: Guard, name: string) {
    this.#guard = guard;
    this.#name = name;
  }

  /** `result`: of a method that should have none. A promise of an async one would be an unhandled rejection of the app. */
  passed(result?: unknown): void {
    const isPending =
      result !== undefined &&
      isPromiseOf(
        result,
        (error) => this.failed(error),
        () => this.passed(),
      );
    if (!isPending) this.#inARow = 0;
  }

  failed(error: unknown): void {
    this.#inARow++;
    this.#guard.failed(this.#name, error, this.#inARow);
  }
}

/** Runs what returns a promise, such as `forceFlush`: it resolves whatever happens. */
export async function settled(guard: Guard, method: MethodGuard, run: () => unknown): Promise<void> {
  if (guard.isOff) return;
  try {
    await run();
    method.passed();
  } catch (error) {
    method.failed(error);
  }
}

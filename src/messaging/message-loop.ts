// Runs the body of `for await (const message of messages)` in the context of each message, though it is no function of ours to call.
import { type Context, context as contextApi } from "@opentelemetry/api";
import { log } from "../diagnostics/log.ts";

export interface OpenMessage {
  readonly context: Context;
  /** The body has come to its end: the next message was asked for, or the loop was left. */
  end(): void;
}

/**
 * What the frames of a loop's body hold. The language captures a frame where the body begins to wait, which is before anybody knows
 * the message; so the frame holds this, and what this stands for changes when the message comes.
 */
class LoopContext implements Context {
  current: Context;

  constructor(current: Context) {
    this.current = current;
  }
  getValue(key: symbol): unknown {
    return this.current.getValue(key);
  }
  setValue(key: symbol, value: unknown): Context {
    return this.current.setValue(key, value);
  }
  deleteValue(key: symbol): Context {
    return this.current.deleteValue(key);
  }
}

interface Arrival {
  readonly message: unknown;
  enter(): void;
}
/** The message whose loop is the very next to run, while its frame is not ours yet. */
let arrival: Arrival | undefined;

/**
 * Whoever wraps a library calls this where the app first looks at a message. In the moment between the message's arrival and the
 * body's first `await` the running code is the body, so that its context may be entered from here.
 */
export function touchMessage(message: unknown): void {
  if (arrival !== undefined && arrival.message === message) arrival.enter();
}

/**
 * Gives what `inner` gives. `open` is asked about each value, and starts its span; undefined for what is no message. `identityOf` is
 * what `touchMessage` will be called with. The first message of a loop is entered when the body first touches it, as the frame that
 * it runs in is its caller's too; from then on the loop is followed: each later body has its context from its first line on.
 */
export function followLoop<Value>(
  inner: AsyncIterator<Value>,
  open: (value: Value) => OpenMessage | undefined,
  identityOf: (value: Value) => unknown = (value) => value,
): AsyncIterableIterator<Value> {
  let outside: Context | undefined;
  let entered: LoopContext | undefined;
  let opened: OpenMessage | undefined;

  function leave(): void {
    opened?.end();
    opened = undefined;
  }

  function next(): Promise<IteratorResult<Value>> {
    leave();
    outside ??= contextApi.active();
    const isFollowed = entered !== undefined && isWithin(contextApi.active(), entered);
    const loop = new LoopContext(outside);
    // Whatever the library starts in here must not hold on to a message's context.
    const result = contextApi.with(outside, () => inner.next());
    if (isFollowed) {
      entered = loop;
      contextApi.attach(loop);
    }
    const arrived = result.then((item) => {
      if (item.done === true) return item;
      try {
        opened = open(item.value);
      } catch (error) {
        log.warnSometimes("message loop", `a message could not be traced (${String(error)}); it is processed as ever`);
      }
      if (opened !== undefined) loop.current = opened.context;
      return item;
    });
    if (!isFollowed) {
      announce(arrived, (item) => ({
        message: item.done === true || opened === undefined ? undefined : identityOf(item.value),
        enter() {
          arrival = undefined;
          entered = loop;
          contextApi.attach(loop);
        },
      }));
    }
    return arrived;
  }

  return {
    next,
    return(value?: unknown) {
      leave();
      if (outside !== undefined && entered !== undefined && isWithin(contextApi.active(), entered))
        contextApi.attach(outside);
      return inner.return?.(value) ?? Promise.resolve({ done: true as const, value });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Makes the arrival known for exactly as long as the code that waits for `arrived` runs: reactions of a promise run in the order of
 * their registration, so one that is registered before whoever gets the promise, and one after, enclose it.
 */
function announce<Value>(arrived: Promise<Value>, describe: (value: Value) => Arrival): void {
  const ignore = (): void => {};
  arrived.then((value) => {
    arrival = describe(value);
  }, ignore);
  queueMicrotask(() => {
    arrived.then(() => {
      arrival = undefined;
    }, ignore);
  });
}

/** Whether the running code belongs to this frame of the loop; a loop inside of its body leaves frames that stand for it. */
function isWithin(context: Context, loop: LoopContext): boolean {
  let current = context;
  while (current instanceof LoopContext && current !== loop) current = current.current;
  return current === loop;
}

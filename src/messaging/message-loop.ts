// Runs the body of `for await (const message of messages)` in the context of each message, though it is no function of ours to call.
import { type Context, context as contextApi, trace } from "@opentelemetry/api";
import { getRequestId } from "../context/request-id.ts";
import { log } from "../diagnostics/log.ts";
import { isLinkable } from "./relation.ts";

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
  /** Of whom this is. */
  readonly loop: object;
  /** What the loop runs in; one that is open itself, for a loop within the body of another. */
  readonly outside: Context;
  current: Context;
  /** The loop has come to its end here, and left this behind in the frame: it stands for nothing but what is outside. */
  isOver = false;

  constructor(loop: object, outside: Context) {
    this.loop = loop;
    this.outside = outside;
    this.current = outside;
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

/** Loops in each other's bodies whose messages are entered; one that is deeper was left by `next()` that nobody asked again. */
const MAX_DEPTH = 32;

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

/** What generators inherit: `Symbol.asyncDispose`, where there is one. */
const ITERATOR: unknown = Object.getPrototypeOf(Object.getPrototypeOf((async function* none() {})()));

/**
 * Gives what `inner` gives; to be called where the app begins its loop. `open` is asked about each value, and starts its span; undefined for
 * what is no message. `identityOf` is what `touchMessage` will be called with. The first message of a loop is entered when the body first
 * touches it, as the frame that it runs in is its caller's too; from then on the loop is followed: each later body has its context from its
 * first line on. A context that is not the loop's (of a span that the body has started, of a request that asks others' iterator) stays. A
 * request that reads one message goes on as itself: in a request a loop is one when the second message is asked for.
 */
export function followLoop<Value>(
  inner: AsyncIterator<Value>,
  open: (value: Value) => OpenMessage | undefined,
  identityOf: (value: Value) => unknown = (value) => value,
): AsyncIterableIterator<Value> {
  let outside = outsideOf(contextApi.active());
  /** By the place in whose frame it is processed; several where several ask at once. */
  const opened = new Map<LoopContext, OpenMessage>();
  const loop = {};
  let reads = 0;

  /** Ends what the asking frame has processed; who asks from elsewhere has processed all there is. */
  function leave(place: LoopContext | undefined): void {
    for (const [one, message] of opened) {
      if (place !== undefined && one !== place) continue;
      opened.delete(one);
      message.end();
    }
  }

  function next(...args: [] | [unknown]): Promise<IteratorResult<Value>> {
    const followed = placeOf(contextApi.active(), loop);
    leave(followed);
    const place = new LoopContext(loop, outside);
    reads++;
    // Whatever the library starts in here must not hold on to a message's context.
    const result = contextApi.with(outside, () => inner.next(...(args as [])));
    if (followed !== undefined) contextApi.attach(place);
    return result.then(
      (item) => {
        if (item.done === true) place.isOver = true;
        else if (arrive(place, item.value) && followed === undefined) announce(place, identityOf(item.value));
        return item;
      },
      (error: unknown) => {
        place.isOver = true;
        throw error;
      },
    );
  }

  function announce(place: LoopContext, message: unknown): void {
    if (reads < 2 && isRequest(place.outside)) return;
    announceArrival({
      message,
      enter() {
        arrival = undefined;
        if (outsideOf(contextApi.active()) === place.outside && depthOf(place) <= MAX_DEPTH) contextApi.attach(place);
      },
    });
  }

  /** Whether it is a message, and traced. */
  function arrive(place: LoopContext, value: Value): boolean {
    try {
      const message = open(value);
      if (message === undefined) return false;
      place.current = message.context;
      opened.set(place, message);
      return true;
    } catch (error) {
      log.warnSometimes("message loop", `a message could not be traced (${String(error)}); it is processed as ever`);
      return false;
    }
  }

  function stop(): void {
    const followed = placeOf(contextApi.active(), loop);
    leave(followed);
    if (followed !== undefined) contextApi.attach(followed.outside);
  }

  const iterator: AsyncIterableIterator<Value> = {
    next,
    /** A loop over what was made elsewhere begins here. */
    [Symbol.asyncIterator]() {
      outside = outsideOf(contextApi.active());
      reads = 0;
      return iterator;
    },
    return(value?: unknown) {
      stop();
      return inner.return?.(value) ?? Promise.resolve({ done: true as const, value });
    },
  };
  const { throw: fail } = inner;
  if (fail !== undefined) {
    iterator.throw = (error?: unknown) => {
      stop();
      return fail.call(inner, error);
    };
  }
  return Object.setPrototypeOf(iterator, ITERATOR as object) as AsyncIterableIterator<Value>;
}

/**
 * Makes the arrival known when the code that waits for it runs, and hardly longer: called in the reaction of a promise that is about to
 * be resolved by it, whose own reactions come between the first microtask after this and the second.
 */
function announceArrival(next: Arrival): void {
  queueMicrotask(() => {
    arrival = next;
    queueMicrotask(() => {
      if (arrival === next) arrival = undefined;
    });
  });
}

/** Without what loops that are over have left in the frame. */
function outsideOf(context: Context): Context {
  let current = context;
  while (current instanceof LoopContext && current.isOver) current = current.outside;
  return current;
}

/** What the running frame holds of this loop; a loop inside of its body may have left something that stands around it. */
function placeOf(context: Context, loop: object): LoopContext | undefined {
  let current = context;
  while (current instanceof LoopContext && current.loop !== loop) current = current.outside;
  return current instanceof LoopContext ? current : undefined;
}

/** Whether there is something that must not go on as a message's. */
function isRequest(context: Context): boolean {
  return isLinkable(trace.getSpanContext(context)) || getRequestId(context) !== undefined;
}

function depthOf(context: Context): number {
  let depth = 0;
  for (let current = context; current instanceof LoopContext; current = current.outside) depth++;
  return depth;
}

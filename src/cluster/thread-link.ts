// Links between the main thread and worker threads, over one BroadcastChannel.
import { BroadcastChannel, type Worker, threadId } from "node:worker_threads";
import type { EventEmitter } from "node:events";
import type { Link } from "./link.ts";

interface Parcel {
  readonly from: number;
  /** 0 is the main thread. */
  readonly to: number;
  readonly message: unknown;
}

const NAME = "redtrail";
const MAIN = 0;

/** In a worker thread: the link to the main thread, whether it answers or not. */
export function connectToMainThread(): Link {
  const { channel, post, close } = openChannel((ended) => post(ended, MAIN, ENDED));
  return {
    send: async (message) => post(threadId, MAIN, message),
    onMessage: (callback) => onParcel(channel, ({ to, message }) => to === threadId && callback(message)),
    // The main thread does not end before its threads.
    onClose: () => {},
    close,
  };
}

/** In the main thread: a link to each thread that begins to speak. Returns how to stop accepting. */
export function acceptThreads(accept: (link: Link) => void): () => void {
  const threads = new Map<number, Thread>();
  const onEnd = (id: number): void => {
    threads.get(id)?.closed();
    threads.delete(id);
  };
  const { channel, post, close } = openChannel(onEnd);
  onParcel(channel, ({ from, to, message }) => {
    if (to !== MAIN) return;
    if (message === ENDED) {
      onEnd(from);
      return;
    }
    let thread = threads.get(from);
    if (thread === undefined) {
      threads.set(from, (thread = { receive: () => {}, closed: () => {} }));
      accept(linkTo(thread, (answer) => post(MAIN, from, answer)));
    }
    thread.receive(message);
  });
  return close;
}

interface Thread {
  receive: (message: unknown) => void;
  closed: () => void;
}

function linkTo(thread: Thread, post: (message: unknown) => void): Link {
  return {
    send: async (message) => post(message),
    onMessage: (callback) => (thread.receive = callback),
    onClose: (callback) => (thread.closed = callback),
    close: () => (thread.receive = () => {}),
  };
}

/** What the thread that made a thread says when that one has ended: a terminated one cannot say so itself. */
const ENDED = "ended";

function openChannel(onThreadEnd: (id: number) => void): {
  channel: BroadcastChannel;
  post: (from: number, to: number, message: unknown) => void;
  close: () => void;
} {
  const channel = new BroadcastChannel(NAME);
  channel.unref();
  const post = (from: number, to: number, message: unknown): void => {
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel of threads has no origins.
      channel.postMessage({ from, to, message } satisfies Parcel);
    } catch {
      // Closed.
    }
  };
  const events: EventEmitter = process;
  const onWorker = (worker: Worker): void => {
    const id = worker.threadId;
    // After what the thread has said at its end.
    worker.once("exit", () => setImmediate(onThreadEnd, id).unref());
  };
  events.on("worker", onWorker);
  return {
    channel,
    post,
    close() {
      events.off("worker", onWorker);
      channel.close();
    },
  };
}

function onParcel(channel: BroadcastChannel, callback: (parcel: Parcel) => void): void {
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- its EventTarget is typed without it (Node 24).
  channel.onmessage = (event: unknown) => {
    const { data } = event as { data?: Partial<Parcel> | null };
    if (typeof data?.from !== "number" || typeof data.to !== "number") return;
    callback({ from: data.from, to: data.to, message: data.message });
  };
  // Listening has taken a reference again.
  channel.unref();
}

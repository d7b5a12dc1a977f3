// Who has closed a stream: the app on this side, or the other side. Node tells both in the same way.
import type { Http2Stream } from "node:http2";

const CLOSED_BY_APP: unique symbol = Symbol("redtrail.closed-by-app");
const PATCHED: unique symbol = Symbol("redtrail.patched");

type Watched = Http2Stream & { [CLOSED_BY_APP]?: boolean };
type StreamClass = Pick<Http2Stream, "close" | "destroy"> & { [PATCHED]?: true };

/** How Node fails the streams of a connection that the other side has broken. */
const CONNECTION_ERRORS: ReadonlySet<unknown> = new Set(["ERR_HTTP2_SESSION_ERROR", "ERR_HTTP2_ERROR"]);

export function isClosedByApp(stream: Http2Stream): boolean {
  return (stream as Watched)[CLOSED_BY_APP] === true;
}

/** Watches one stream, by the two methods of its class. */
export function watchClosing(stream: Http2Stream): void {
  (stream as Watched)[CLOSED_BY_APP] = false;
  const streamClass = Object.getPrototypeOf(stream) as StreamClass;
  if (Object.hasOwn(streamClass, PATCHED)) return;
  streamClass[PATCHED] = true;
  const { close, destroy } = streamClass;
  streamClass.close = function closeAndTell(this: Watched, ...args) {
    note(this, undefined);
    return close.apply(this, args);
  };
  streamClass.destroy = function destroyAndTell(this: Watched, ...args) {
    note(this, args[0]);
    return destroy.apply(this, args);
  };
}

/** Node calls both itself, after the stream has closed or the connection is gone. */
function note(stream: Watched, error: NodeJS.ErrnoException | undefined): void {
  if (stream[CLOSED_BY_APP] !== false || stream.closed || CONNECTION_ERRORS.has(error?.code)) return;
  stream[CLOSED_BY_APP] = isConnected(stream);
}

function isConnected({ session }: Http2Stream): boolean {
  try {
    return session?.socket.destroyed === false;
  } catch {
    // A session without a socket refuses to be asked.
    return false;
  }
}

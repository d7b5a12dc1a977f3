// How a call over HTTP/2 has ended, of what Node says of its stream.
import type { ClientHttp2Stream } from "node:http2";
import type { ClientCall } from "../http/client-call.ts";
import { isClosedByApp } from "./closing.ts";

/** The stream has closed. */
export function endCall(call: ClientCall, stream: ClientHttp2Stream, isAnswered: boolean): void {
  const { errored, rstCode } = stream;
  if (errored != null) call.fail(reasonOf(errored));
  else if (isAnswered && rstCode === 0) call.end();
  else if (isClosedByApp(stream)) call.cancel();
  // Node keeps silent when the other side cancels (NGHTTP2_CANCEL), and when the connection is gone.
  else call.breakOff();
}

/** A connection that could not be made, and a time that was over, stand behind what Node says itself. */
function reasonOf(error: NodeJS.ErrnoException): unknown {
  const { cause } = error as { readonly cause?: { readonly name?: unknown } };
  if (cause === undefined || cause === null) return error;
  return error.code === "ERR_HTTP2_STREAM_CANCEL" || cause.name === "TimeoutError" ? cause : error;
}

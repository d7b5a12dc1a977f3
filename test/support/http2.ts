// A client of HTTP/2 for tests: one session, and requests on it to their end, whatever that is.
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
  connect,
} from "node:http2";

export interface Answer {
  /** Empty when there was no response. */
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Called when the response's first bytes have come, or its head where it has no bytes. */
  readonly onResponse?: (stream: ClientHttp2Stream) => void;
}

export interface Http2Client {
  readonly session: ClientHttp2Session;
  ask(path: string, options?: AskOptions): Promise<Answer>;
  close(): void;
}

export async function openHttp2(url: string, options?: SecureClientSessionOptions): Promise<Http2Client> {
  const session = connect(url, options);
  session.unref();
  await once(session, "connect");
  // Sessions that a test breaks.
  session.on("error", () => {});
  return {
    session,
    close: () => session.destroy(),
    ask: async (path, { headers = {}, body, onResponse } = {}) => {
      const stream = session.request({
        ":path": path,
        ":method": body === undefined ? "GET" : "POST",
        ...headers,
      });
      stream.on("error", () => {});
      let answer: IncomingHttpHeaders = {};
      let text = "";
      stream.once("response", (head) => (answer = head));
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      if (onResponse !== undefined) stream.once("data", () => onResponse(stream));
      stream.end(body);
      // Not `once`, which would fail with the stream.
      await new Promise((resolve) => stream.once("close", resolve));
      return { headers: answer, body: text };
    },
  };
}

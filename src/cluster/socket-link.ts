// Links over a unix-domain socket, or a named pipe on Windows: one JSON text per line.
import { type Server, type Socket, connect, createServer } from "node:net";
import type { Link } from "./link.ts";
import type { Message } from "./protocol.ts";

/** Of one line: 500 series, or what they say, are far below it. */
const MAX_LINE_LENGTH = 8 * 2 ** 20;

/** Resolves with undefined where nobody listens. */
export function connectSocket(path: string): Promise<Link | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.unref();
    socket.once("error", () => resolve(undefined));
    socket.once("connect", () => resolve(linkOver(socket)));
  });
}

/** Rejects where the path cannot be listened on. */
export function listenSocket(path: string, accept: (link: Link) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.unref();
      accept(linkOver(socket));
    });
    server.unref();
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve(server);
    });
    // `exclusive`: a worker of node:cluster would ask its primary to listen.
    server.listen({ path, exclusive: true });
  });
}

function linkOver(socket: Socket): Link {
  const parts: string[] = [];
  let length = 0;
  let isClosing = false;
  let receive: (message: unknown) => void = () => {};
  socket.setEncoding("utf8");
  socket.on("error", () => {});
  socket.on("data", (text: string) => {
    const lines = text.split("\n");
    const rest = lines.pop() as string;
    for (const line of lines) {
      if (isClosing) return;
      parts.push(line);
      receive(parse(parts.join("")));
      parts.length = length = 0;
    }
    parts.push(rest);
    length += rest.length;
    if (length > MAX_LINE_LENGTH) socket.destroy();
  });
  return {
    send: (message: Message) =>
      new Promise((resolve) => {
        if (socket.destroyed || isClosing) resolve();
        else socket.write(`${JSON.stringify(message)}\n`, () => resolve());
      }),
    onMessage: (callback) => (receive = callback),
    onClose(callback) {
      const closed = (): void => {
        if (!isClosing) callback();
      };
      if (socket.closed) closed();
      else socket.once("close", closed);
    },
    close() {
      isClosing = true;
      socket.end();
      socket.once("finish", () => socket.destroy());
    },
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

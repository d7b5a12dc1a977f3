// A backend that misbehaves in one way until it is healed, and then takes what Zipkin or Elasticsearch takes.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, type Socket, connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

export type Handle = (request: IncomingMessage, response: ServerResponse) => void;

export interface FaultServer {
  /** Without a path. */
  readonly url: string;
  /** A CA file that the client is to trust; the fault `tls` needs one. */
  readonly caFile?: string;
  /** From now on it works. Absent: there is no healing. */
  readonly heal?: () => Promise<void>;
  close(): Promise<void>;
}

/** Starts with the fault; `handle` is what a healthy server does. */
export type StartFault = (handle: Handle) => Promise<FaultServer>;

async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** An HTTP server that does `fault` until it is healed. */
function answering(fault: Handle): StartFault {
  return async (handle) => {
    let act = fault;
    const server = createServer((request, response) => act(request, response));
    const port = await listen(server);
    return {
      url: `http://127.0.0.1:${port}`,
      heal: async () => void (act = handle),
      close: () => closeServer(server),
    };
  };
}

function status(code: number, headers: Record<string, string> = {}, body = "no"): StartFault {
  return answering((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(code, headers).end(body));
  });
}

async function refused(handle: Handle): Promise<FaultServer> {
  const port = await freePort();
  const server = createServer(handle);
  return {
    url: `http://127.0.0.1:${port}`,
    heal: async () => void (await listen(server, port)),
    close: () => closeServer(server),
  };
}

async function unresolvable(): Promise<FaultServer> {
  return { url: "http://no-such-host.invalid", close: async () => {} };
}

/** A process that has been stopped, and whose queue of connections is full: the kernel answers no further SYN. */
async function blackholed(): Promise<FaultServer> {
  const code = `
    const server = require("node:net").createServer((socket) => socket.on("error", () => {}));
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => process.send(server.address().port));`;
  const child: ChildProcess = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const [port] = (await once(child, "message")) as [number];
  child.kill("SIGSTOP");
  const fillers: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(port, "127.0.0.1").unref();
    socket.on("error", () => {});
    fillers.push(socket);
    isFull = await Promise.race([
      once(socket, "connect").then(() => false),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 300)),
    ]);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      for (const socket of fillers) socket.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** Raw text by the client's request, one way or another. */
function raw(respond: (socket: Socket) => void): StartFault {
  return async (handle) => {
    const port = await freePort();
    const sockets = new Set<Socket>();
    const broken = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
      socket.once("data", () => respond(socket));
      socket.resume();
    });
    broken.unref().listen(port, "127.0.0.1");
    await once(broken, "listening");
    const server = createServer(handle);
    const stop = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => broken.close(resolve));
    };
    return {
      url: `http://127.0.0.1:${port}`,
      heal: async () => {
        await stop();
        await listen(server, port);
      },
      close: async () => {
        await stop();
        await closeServer(server);
      },
    };
  };
}

function byteByByte(socket: Socket): void {
  const text = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || sent === text.length) clearInterval(timer);
    else socket.write(text[sent++] as string);
  }, 200).unref();
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n";

/** First a certificate that the client does not trust, then one that it does. */
async function untrusted(handle: Handle): Promise<FaultServer> {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-fault-"));
  const pair = (name: string) => {
    const files = { key: join(folder, `${name}.key`), cert: join(folder, `${name}.pem`) };
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...kind, ...subject, "-keyout", files.key, "-out", files.cert], { stdio: "ignore" });
    return { key: readFileSync(files.key), cert: readFileSync(files.cert), file: files.cert };
  };
  const [stranger, friend] = [pair("stranger"), pair("friend")];
  const server = createTlsServer({ key: stranger.key, cert: stranger.cert }, handle);
  const port = await listen(server);
  return {
    url: `https://127.0.0.1:${port}`,
    caFile: friend.file,
    heal: async () => server.setSecureContext({ key: friend.key, cert: friend.cert }),
    close: () => closeServer(server),
  };
}

/** Refuses bodies of more than this, as a proxy with a limit does, until it is healed: but it need not be. */
export const LARGEST_BODY = 4_096;

async function small(handle: Handle): Promise<FaultServer> {
  let limit = LARGEST_BODY;
  const server = createServer((request, response) => {
    if (Number(request.headers["content-length"]) <= limit) return handle(request, response);
    request.resume();
    request.on("end", () => response.writeHead(413).end());
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    heal: async () => void (limit = Infinity),
    close: () => closeServer(server),
  };
}

function huge(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  const feed = (): void => {
    while (!response.destroyed && response.write("a".repeat(65_536)));
  };
  response.on("drain", feed);
  feed();
}

/** Where the redirect leads; nothing must ever come here. */
export const redirected: string[] = [];

async function redirecting(handle: Handle): Promise<FaultServer> {
  const elsewhere = createServer((request, response) => {
    redirected.push(String(request.url));
    request.resume();
    response.writeHead(200).end("{}");
  });
  const port = await listen(elsewhere);
  const made = await status(307, { location: `http://127.0.0.1:${port}/elsewhere` })(handle);
  return {
    ...made,
    close: async () => {
      await made.close();
      await closeServer(elsewhere);
    },
  };
}

/** By what the tests call them. */
export const FAULTS: Readonly<Record<string, StartFault>> = {
  "connection refused": refused,
  "DNS failure": unresolvable,
  "blackholed connect": blackholed,
  "accepts, never answers": answering(() => {}),
  "answers byte by byte": raw(byteByByte),
  "closes in the middle of the head": raw((socket) => socket.end("HTTP/1.1 202 Acc")),
  "closes in the middle of the body": raw((socket) => socket.end(`${HEAD}\r\n{"errors":fa`)),
  "TLS failure": untrusted,
  400: status(400),
  401: status(401),
  413: small,
  "429": status(429),
  "429 with Retry-After": status(429, { "retry-after": "2" }),
  500: status(500),
  503: status(503),
  "huge answer": answering(huge),
  redirect: redirecting,
};

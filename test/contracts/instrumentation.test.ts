// redtrail's own instrumentations of calls keep the contract that plug-ins are held to.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { assertContract, startTestKit } from "../../src/testing.ts";

const kit = startTestKit({ instrumentations: ["http", "undici"] });
// Of bare sockets: an HTTP server in this process would have spans of its own.
const server = createServer((socket) =>
  socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfine")),
);
let url = "";
let closed = "";

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  closed = `http://127.0.0.1:${await freePort()}/`;
});
after(async () => {
  server.close();
  await kit.stop();
});

const byFetch = async (target: string): Promise<string> => (await fetch(target)).text();
const byHttp = (target: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(target, { agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve(body));
    }).on("error", reject);
  });

for (const [name, call] of [
  ["undici", byFetch],
  ["http", byHttp],
] as const) {
  test(`${name} keeps the contract of instrumentations`, async () => {
    await assertContract(kit, {
      succeeds: () => call(url),
      result: "fine",
      fails: () => call(closed),
      kind: "CLIENT",
    });
    await kit.inSpan("request", () => call(url));
    assert.match(kit.tree(), /^INTERNAL request\n {2}CLIENT GET$/);
  });
}

// The plain node:http app under test; it knows nothing of tracing.
"use strict";

const http = require("node:http");
const { ready } = require("./control.cjs");

const backendPort = Number(process.env.BACKEND_PORT);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function sendJson(response, value) {
  const body = JSON.stringify(value);
  const headers = { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(body) };
  response.writeHead(200, headers).end(body);
}

function sendError(response, statusCode) {
  response.writeHead(statusCode, { "content-length": 0 }).end();
}

function proxy(id, response) {
  const outgoing = http.get({ host: "127.0.0.1", port: backendPort, path: `/item/${id}`, agent }, (incoming) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk) => (body += chunk));
    incoming.on("end", () => sendJson(response, { id, item: JSON.parse(body) }));
  });
  outgoing.on("error", () => sendError(response, 502));
}

const server = http.createServer((request, response) => {
  const { url } = request;
  if (url.startsWith("/users/")) {
    return sendJson(response, { id: url.slice(7), name: "Ada Lovelace", roles: ["admin", "ops"], active: true });
  }
  if (url.startsWith("/proxy/")) return proxy(url.slice(7), response);
  sendError(response, 404);
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => ready(server));

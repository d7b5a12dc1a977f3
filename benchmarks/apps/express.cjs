// The Express 5 app under test; it knows nothing of tracing. Express comes from the repository's own node_modules.
"use strict";

const http = require("node:http");
const express = require("express");
const { ready } = require("./control.cjs");

const backendPort = Number(process.env.BACKEND_PORT);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const app = express();
app.disable("x-powered-by");

app.get("/users/:id", (request, response) => {
  response.json({ id: request.params.id, name: "Ada Lovelace", roles: ["admin", "ops"], active: true });
});

app.get("/proxy/:id", (request, response, next) => {
  const { id } = request.params;
  const outgoing = http.get({ host: "127.0.0.1", port: backendPort, path: `/item/${id}`, agent }, (incoming) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk) => (body += chunk));
    incoming.on("end", () => response.json({ id, item: JSON.parse(body) }));
  });
  outgoing.on("error", next);
});

const server = app.listen(0, "127.0.0.1", () => ready(server));
server.keepAliveTimeout = 60_000;

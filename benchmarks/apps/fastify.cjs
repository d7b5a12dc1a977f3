// The Fastify 5 app under test; it knows nothing of tracing.
"use strict";

const http = require("node:http");
const fastify = require("fastify");
const { ready } = require("./control.cjs");

const backendPort = Number(process.env.BACKEND_PORT);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const app = fastify({ keepAliveTimeout: 60_000 });

app.get("/users/:id", async (request) => ({
  id: request.params.id,
  name: "Ada Lovelace",
  roles: ["admin", "ops"],
  active: true,
}));

app.get("/proxy/:id", (request, reply) => {
  const { id } = request.params;
  const outgoing = http.get({ host: "127.0.0.1", port: backendPort, path: `/item/${id}`, agent }, (incoming) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk) => (body += chunk));
    incoming.on("end", () => reply.send({ id, item: JSON.parse(body) }));
  });
  outgoing.on("error", (error) => reply.send(error));
});

void app.listen({ port: 0, host: "127.0.0.1" }).then(() => ready(app.server));

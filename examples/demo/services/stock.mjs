// The demo's middle: plain node:http in an ES module. It asks the worker for a price by fetch.
import { createServer } from "node:http";

const workerUrl = `http://127.0.0.1:${process.env.WORKER_PORT}`;

const server = createServer(async (request, response) => {
  const id = request.url.split("/").pop();
  if (id === "13") {
    response.writeHead(500).end("no stock today");
    return;
  }
  try {
    const price = await (await fetch(`${workerUrl}/price/${id}`)).json();
    response.setHeader("content-type", "application/json").end(JSON.stringify({ id, left: 7, ...price }));
  } catch {
    response.writeHead(503).end("no price");
  }
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
// Ends with the demo, even with one that was killed.
process.once("disconnect", () => process.exit());

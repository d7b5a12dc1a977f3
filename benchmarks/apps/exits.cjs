// Answers one request, and then ends in the way that END names; signals come from outside.
const http = require("node:http");

const end = process.env.END;
const DRAIN_MS = 6_000;

const server = http.createServer((request, response) => {
  if (request.url === "/slow") {
    setTimeout(() => response.end("late"), DRAIN_MS - 500);
    return;
  }
  response.on("close", () => setTimeout(() => ends[end]?.(), 50));
  response.end("ok");
});

const ends = {
  natural: () => server.close(),
  "process.exit": () => process.exit(3),
  "uncaught exception": () => {
    throw new Error("on purpose");
  },
  "unhandled rejection": () => void Promise.reject(new Error("on purpose")),
};

if (end === "handler") for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => server.close());
if (end === "drain") process.on("SIGTERM", () => setTimeout(() => process.exit(0), DRAIN_MS));

server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));

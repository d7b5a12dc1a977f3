// Two workers that serve one port.
const cluster = require("node:cluster");
const http = require("node:http");

if (cluster.isPrimary) {
  let ready = 0;
  for (let i = 0; i < 2; i++) cluster.fork();
  cluster.on("message", (_worker, url) => {
    if (++ready === 2) console.log(`listening ${url}`);
  });
  process.once("SIGTERM", () => process.exit());
} else {
  const server = http.createServer((_request, response) => response.end("ok"));
  server.listen(0, "127.0.0.1", async () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    await (await fetch(url)).text();
    process.send(url);
  });
  process.once("disconnect", () => process.exit());
}

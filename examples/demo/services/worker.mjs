// The demo's back: works out a price, for which it looks an exchange rate up by fetch, from a service of its own.
import { createServer } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

const server = createServer(async (request, response) => {
  if (request.url.startsWith("/rates")) {
    await wait(5 + Math.random() * 10);
    response.end('{"EUR":1.17}');
    return;
  }
  const rates = await (await fetch(`http://127.0.0.1:${server.address().port}/rates?token=s3cr3t`)).json();
  await wait(5 + Math.random() * 20);
  response.setHeader("content-type", "application/json").end(JSON.stringify({ price: 10 * rates.EUR }));
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
// Ends with the demo, even with one that was killed.
process.once("disconnect", () => process.exit());

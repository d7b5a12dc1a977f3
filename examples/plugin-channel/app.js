// REDTRAIL_PLUGINS=./plugin.mjs node --require redtrail/register app.js
import { createServer } from "node:http";
import { order } from "./orders.js";

const server = createServer(async (request, response) => {
  try {
    response.end(`${await order(request.url.slice(1))}\n`);
  } catch (error) {
    response.writeHead(404).end(`${error.message}\n`);
  }
});
server.listen(process.env.PORT ?? 3000, () => console.log(`listening http://localhost:${server.address().port}`));

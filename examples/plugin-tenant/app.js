// REDTRAIL_PLUGINS=./plugin.mjs node --require redtrail/register app.js
import { createServer } from "node:http";

// The front calls the stock; the tenant goes along.
const server = createServer(async (request, response) => {
  if (request.url === "/stock") {
    response.end(`stock of ${String(request.headers["x-tenant"])}\n`);
    return;
  }
  const stock = await fetch(`http://localhost:${server.address().port}/stock`);
  response.end(await stock.text());
});
server.listen(process.env.PORT ?? 3000, () => console.log(`listening http://localhost:${server.address().port}`));

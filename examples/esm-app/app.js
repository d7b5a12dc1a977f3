// node --require redtrail/register app.js
import { createServer } from "node:http";

// Each request but /time asks the app itself for the time, so that there is something to follow.
const server = createServer(async (request, response) => {
  if (request.url === "/time") {
    response.end(new Date().toISOString());
    return;
  }
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/time`);
  response.end(`it is ${await answer.text()}\n`);
});
server.listen(process.env.PORT ?? 3000, () => console.log(`listening http://127.0.0.1:${server.address().port}`));

// node --require redtrail/register app.mts
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { requestId } from "redtrail";

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await Promise.resolve();
  // Known anywhere in the request's code, without being passed along.
  response.end(`you asked for ${request.url} as ${requestId()}\n`);
}

const server = createServer((request, response) => void answer(request, response));
server.listen(process.env["PORT"] ?? 3000, () => {
  console.log(`listening http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

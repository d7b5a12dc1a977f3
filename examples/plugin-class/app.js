// OTEL_NODE_EXTENSIONS=./instrumentation-zlib node --require redtrail/register app.js
const { createServer } = require("node:http");
const { gzipSync } = require("node:zlib");

const server = createServer((request, response) => {
  response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`hello from ${request.url}\n`));
});
server.listen(process.env.PORT ?? 3000, () => console.log(`listening http://localhost:${server.address().port}`));

// node --require redtrail/register app.js
const http = require("node:http");

const server = http.createServer((request, response) => {
  response.statusCode = request.url === "/missing" ? 404 : 200;
  response.end("hello\n");
});
server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`listening http://127.0.0.1:${server.address().port}`);
});

// node --require redtrail/register app.js
const express = require("express");

const app = express();
app.get("/hello/:name", (request, response) => response.json({ hello: request.params.name }));

const server = app.listen(process.env.PORT ?? 3000, () =>
  console.log(`listening http://127.0.0.1:${server.address().port}`),
);

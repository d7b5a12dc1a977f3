// The demo's front: an Express app with a mounted router. It knows nothing of redtrail.
const express = require("express");
const http = require("node:http");

const stockPort = Number(process.env.STOCK_PORT);

/** Asks the stock service, and gives its JSON or its failure. */
function askStock(path, callback) {
  const call = http.get({ host: "127.0.0.1", port: stockPort, path }, (answer) => {
    let body = "";
    answer.on("data", (chunk) => (body += chunk));
    answer.on("end", () =>
      callback(answer.statusCode < 500 ? undefined : new Error(`stock answered ${answer.statusCode}`), body),
    );
  });
  call.on("error", callback);
}

const products = express.Router();
products.get("/:id", (request, response, next) => {
  askStock(`/stock/${request.params.id}`, (error, body) => (error ? next(error) : response.type("json").send(body)));
});
products.get("/:id/reviews", (request, response) => {
  setTimeout(() => response.json([]), 150 + Math.random() * 250);
});

const app = express();
app.use("/products", products);
app.post("/orders", express.json(), (request, response) =>
  response.status(201).json({ order: 1, items: request.body }),
);
app.get("/report", (request, response) => setTimeout(() => response.send("done"), 3_000));
app.use((error, request, response, next) => {
  void next;
  response.status(502).json({ error: error.message });
});

const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
// Ends with the demo, even with one that was killed.
process.once("disconnect", () => process.exit());

// Makes one of every kind of request that redtrail counts: HTTP requests that go well, fail and are given up, and spans of
// databases, queues and remote calls as their instrumentations make them. Nothing here is to be measured: the point is that
// each metric and each label is there.
const http = require("node:http");
const { SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const express = require("express");

/** More routes than the series that the test allows. */
const ROUTES = 60;
const tracer = trace.getTracer("fixture-app");

const SPANS = [
  {
    name: "SELECT orders",
    kind: SpanKind.CLIENT,
    attributes: {
      "db.system.name": "postgresql",
      "db.operation.name": "SELECT",
      "db.namespace": "shop",
      "db.collection.name": "orders",
      "server.address": "db.internal",
      "server.port": 5432,
    },
    failure: { "db.response.status_code": "23505", "error.type": "23505" },
  },
  {
    name: "send orders",
    kind: SpanKind.PRODUCER,
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": "orders",
    },
    failure: { "error.type": "TIMEOUT" },
  },
  {
    name: "process orders",
    kind: SpanKind.CONSUMER,
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "orders",
      "messaging.consumer.group.name": "billing",
      "redtrail.messaging.queue.time": 0.2,
    },
    failure: { "error.type": "TypeError" },
  },
  {
    name: "shop.Cart/Add",
    kind: SpanKind.SERVER,
    attributes: { "rpc.system.name": "grpc", "rpc.method": "shop.Cart/Add", "rpc.response.status_code": "OK" },
    failure: { "rpc.response.status_code": "INTERNAL", "error.type": "INTERNAL" },
  },
  {
    name: "shop.Stock/Get",
    kind: SpanKind.CLIENT,
    attributes: {
      "rpc.system.name": "grpc",
      "rpc.method": "shop.Stock/Get",
      "rpc.response.status_code": "OK",
      "server.address": "stock.internal",
    },
    failure: { "rpc.response.status_code": "UNAVAILABLE", "error.type": "UNAVAILABLE" },
  },
];

function makeSpans() {
  for (const { name, kind, attributes, failure } of SPANS) {
    tracer.startSpan(name, { kind, attributes }).end();
    const failed = tracer.startSpan(name, { kind, attributes: { ...attributes, ...failure } });
    failed.setStatus({ code: SpanStatusCode.ERROR });
    failed.end();
  }
}

const app = express();
app.get("/products/:id", (_request, response) => response.send("ok"));
app.get("/excluded", (_request, response) => response.send("ok"));
app.get("/broken", (_request, response) => response.status(500).send("no"));
// Never answered: its caller gives up.
app.get("/hang", () => {});
for (let i = 0; i < ROUTES; i++) app.get(`/many/${i}`, (_request, response) => response.send("ok"));

/** Also by an error, unlike events.once. */
function closed(call) {
  return new Promise((resolve) => call.on("error", () => {}).once("close", resolve));
}

async function callAll(url) {
  makeSpans();
  for (const path of ["/products/1", "/broken", "/excluded", "/no/such/page"]) await (await fetch(url + path)).text();
  for (let i = 0; i < ROUTES; i++) await (await fetch(`${url}/many/${i}`)).text();
  const hanging = http.get(`${url}/hang`);
  setTimeout(() => hanging.destroy(), 100);
  await closed(hanging);
  await closed(http.get("http://127.0.0.1:1/"));
}

const server = app.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  await callAll(url);
  console.log(`listening ${url}`);
});
// All of it once more.
app.get("/again", async (request, response) => {
  await callAll(`http://${request.headers.host}`);
  response.send("done");
});

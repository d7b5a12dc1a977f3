import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createIndexNamer,
  dataStreamFields,
  isDataStream,
  templatePattern,
} from "../../../src/exporters/elasticsearch/index-name.ts";
import { indexTemplate } from "../../../src/exporters/elasticsearch/template.ts";

const TIME = Date.UTC(2026, 10, 24, 23, 59);

test("createIndexNamer puts the record's day in, by UTC", () => {
  assert.equal(createIndexNamer("requests")(TIME), "requests");
  const daily = createIndexNamer("requests-%{+yyyy.MM.dd}");
  assert.equal(daily(TIME), "requests-2026.11.24");
  assert.equal(daily(TIME + 60_000), "requests-2026.11.25");
  assert.equal(daily(TIME), "requests-2026.11.24");
  assert.equal(createIndexNamer("r-%{+YYYY.MM}-%{+HH}")(TIME), "r-2026.11-23");
});

test("dataStreamFields knows a data stream by its name", () => {
  assert.deepEqual(dataStreamFields("logs-nodejs.request-default"), {
    "data_stream.type": "logs",
    "data_stream.dataset": "nodejs.request",
    "data_stream.namespace": "default",
  });
  assert.deepEqual(dataStreamFields("requests"), {});
  assert.equal(isDataStream("logs-%{+yyyy}-x"), false);
});

test("indexTemplate matches its index and nests its fields", () => {
  assert.equal(templatePattern("logs-nodejs.request-prod"), "logs-nodejs.request-*");
  assert.equal(templatePattern("requests-%{+yyyy.MM.dd}"), "requests-*");
  const template = indexTemplate("requests") as { data_stream?: object; template: { mappings: unknown } };
  assert.equal(template.data_stream, undefined);
  const { dynamic, properties } = template.template.mappings as {
    dynamic: boolean;
    properties: Record<string, unknown>;
  };
  assert.equal(dynamic, false);
  assert.deepEqual(properties["http"], {
    properties: {
      request: {
        properties: {
          id: { type: "keyword", ignore_above: 1024 },
          method: { type: "keyword", ignore_above: 1024 },
        },
      },
      response: { properties: { status_code: { type: "long" } } },
      version: { type: "keyword", ignore_above: 1024 },
      route: { type: "keyword", ignore_above: 1024 },
    },
  });
});

// Real clients against real databases: one trace from the request to the call, one metric for each call, and nothing else for the app.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CASSANDRA_PORT } from "../../scripts/servers/cassandra.ts";
import { FERRETDB_PORT } from "../../scripts/servers/ferretdb.ts";
import { libraryFolder } from "../../scripts/servers/libraries.ts";
import { MARIADB_PORT } from "../../scripts/servers/mariadb.ts";
import { MEMCACHED_PORT } from "../../scripts/servers/memcached.ts";
import { POSTGRESQL_PORT } from "../../scripts/servers/postgresql.ts";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { type ClientRun, runClient, runClientAlone } from "../support/clients.ts";
import { FIXTURES, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacks, lacksPort } from "../support/servers.ts";
import { startZipkin } from "../support/zipkin.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";

interface Client {
  readonly client: string;
  readonly libraries?: readonly string[];
  readonly server: readonly [name: string, port: number];
  /** Of the case `main`: the span that it is about. */
  readonly span: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Of the case `error`. */
  readonly errorType: string;
  readonly engines?: readonly string[];
}

const sql = (system: string, namespace: string) =>
  ({ "db.system.name": system, "db.namespace": namespace, "db.operation.name": "SELECT" }) as const;

const CLIENTS: readonly Client[] = [
  {
    client: "pg",
    server: ["PostgreSQL", POSTGRESQL_PORT],
    span: "SELECT postgres",
    tags: { ...sql("postgresql", "postgres"), "db.query.text": "SELECT ? AS word, ? AS number" },
    errorType: "42P01",
    engines: ["native", "node-sdk"],
  },
  {
    client: "knex",
    server: ["PostgreSQL", POSTGRESQL_PORT],
    span: "SELECT postgres",
    tags: sql("postgresql", "postgres"),
    errorType: "42P01",
  },
  {
    client: "mysql",
    server: ["MariaDB", MARIADB_PORT],
    span: "SELECT redtrail",
    tags: { ...sql("mysql", "redtrail"), "db.query.text": "SELECT ? AS word, ? AS number" },
    errorType: "ER_NO_SUCH_TABLE",
  },
  {
    client: "mysql2",
    libraries: ["mysql2@2"],
    server: ["MariaDB", MARIADB_PORT],
    span: "SELECT redtrail",
    tags: { ...sql("mysql", "redtrail"), "db.query.text": "SELECT ? AS word, ? AS number" },
    errorType: "_OTHER",
    engines: ["native", "node-sdk"],
  },
  {
    client: "mongodb",
    libraries: ["mongodb@4", "mongodb@6"],
    server: ["FerretDB", FERRETDB_PORT],
    span: "find words",
    tags: { "db.system.name": "mongodb", "db.namespace": "redtrail", "db.collection.name": "words" },
    errorType: "11000",
    engines: ["native", "node-sdk"],
  },
  {
    client: "mongoose",
    libraries: ["mongoose@8"],
    server: ["FerretDB", FERRETDB_PORT],
    span: "find books",
    tags: { "db.system.name": "mongodb", "db.namespace": "redtrail", "db.collection.name": "books" },
    errorType: "11000",
  },
  {
    client: "redis",
    libraries: ["redis@4", "redis@5"],
    server: ["Redis", REDIS_PORT],
    span: "GET",
    tags: { "db.system.name": "redis", "db.operation.name": "GET", "db.query.text": "GET ?" },
    errorType: "ERR",
    engines: ["native", "node-sdk"],
  },
  {
    client: "ioredis",
    libraries: ["ioredis@5"],
    server: ["Redis", REDIS_PORT],
    span: "GET",
    tags: { "db.system.name": "redis", "db.operation.name": "GET", "db.query.text": "get ?" },
    errorType: "ERR",
  },
  {
    client: "memcached",
    server: ["memcached", MEMCACHED_PORT],
    span: "get",
    tags: { "db.system.name": "memcached", "db.operation.name": "get" },
    errorType: "Error",
  },
  {
    client: "cassandra-driver",
    server: ["Cassandra", CASSANDRA_PORT],
    span: "SELECT redtrail",
    tags: {
      ...sql("cassandra", "redtrail"),
      "db.query.text": "SELECT word FROM words WHERE id = ? AND word = ? ALLOW FILTERING",
    },
    errorType: "8704",
  },
];

for (const { client, libraries = [], server, span, tags, errorType, engines = ["native"] } of CLIENTS) {
  const [name, port] = server;
  const runs = [
    ...[undefined, ...libraries].map((library) => ({ library, isModule: false, engine: "native" })),
    { library: undefined, isModule: true, engine: "native" },
    ...engines.slice(1).map((engine) => ({ library: undefined, isModule: false, engine })),
  ];
  let alone: Readonly<Record<string, string>> | undefined;

  for (const { library, isModule, engine } of runs) {
    const title = `${library ?? client}${isModule ? ", as an ES module" : ""}${engine === "native" ? "" : `, engine ${engine}`}`;
    const skip = (await lacksPort(name, port)) || lacksLibrary(library);
    describe(title, { skip }, () => {
      let run: ClientRun;
      before(async () => {
        run = await runClient({ client, library, isModule, env: { REDTRAIL_ENGINE: engine } });
      });

      test(`${title}: the app gets what it would get without redtrail`, async () => {
        // Of another version by itself.
        const expected =
          library === undefined
            ? (alone ??= await runClientAlone({ client }))
            : await runClientAlone({ client, library });
        assert.deepEqual(run.answers, expected);
        assert.equal(run.stderr.match(/^redtrail: .*/gm)?.length, 1, run.stderr);
      });

      test(`${title}: a call is one span of the request's trace, with its id and where it went`, () => {
        const request = run.requests.get("main");
        const called = run.spans.findLast((one) => one.name === span && one.traceId === request?.traceId);
        assert.equal(called?.parentId, request?.id);
        assert.equal(called?.kind, "CLIENT");
        // Upstream's exporter has none.
        if (engine === "native") assert.deepEqual(called.remoteEndpoint, { ipv4: "127.0.0.1", port });
        const expected = { ...tags, "http.request.id": "id-main", "server.port": String(port) };
        for (const [key, value] of Object.entries(expected)) assert.equal(called.tags[key], value, key);
      });

      test(`${title}: all calls belong to the requests that made them, and none is left open`, () => {
        for (const one of run.spans) {
          const request = [...run.requests.values()].find(({ traceId }) => traceId === one.traceId);
          assert.equal(one.tags["http.request.id"], request?.tags["http.request.id"], one.name);
          assert.equal(one.parentId, request?.id, one.name);
        }
        assert.equal(sumOf(run.scrape, "otel_sdk_span_live", { span_kind: "SPAN_KIND_CLIENT" }), 0);
      });

      test(`${title}: each call is counted once, and an error by its kind`, () => {
        const isCounted = ({ tags: { "http.request.id": id } }: ClientRun["spans"][number]): boolean =>
          id !== "id-close";
        const counted = run.spans.filter(isCounted).length;
        const family = "db_client_operation_duration_seconds_count";
        assert.equal(sumOf(run.scrape, family), counted);
        const labels = Object.entries(tags).filter(([key]) => key !== "db.query.text");
        const wanted = Object.fromEntries(labels.map(([key, value]) => [key.replaceAll(".", "_"), value]));
        assert.ok(sumOf(run.scrape, family, { ...wanted, server_address: "127.0.0.1", server_port: String(port) }) > 0);
        assert.ok(sumOf(run.scrape, family, { error_type: errorType }) > 0, run.scrape);
        const failed = run.spans.filter(({ tags: { "http.request.id": id } }) => id === "id-error");
        assert.ok(failed.some(({ tags: { error } }) => error !== undefined));
      });

      test(`${title}: no literal of a statement, and no value, reaches a collector`, () => {
        assert.doesNotMatch(JSON.stringify(run.spans), /s3cr3t/);
      });
    });
  }
}

for (const [client, library, [name, port]] of [
  ["pg", undefined, ["PostgreSQL", POSTGRESQL_PORT]],
  ["mysql", undefined, ["MariaDB", MARIADB_PORT]],
  ["mysql2", undefined, ["MariaDB", MARIADB_PORT]],
  ["mysql2", "mysql2@2", ["MariaDB", MARIADB_PORT]],
] as const) {
  const skip = (await lacksPort(name, port)) || lacksLibrary(library);
  test(
    `${library ?? client}: twenty requests that share two connections keep their calls apart`,
    { skip },
    async () => {
      const zipkin = await startZipkin();
      const folder = library === undefined ? [] : [libraryFolder(library)];
      const app = await runApp({
        app: [join(FIXTURES, "clients-app.cjs"), client, ...folder],
        env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint },
      });
      try {
        const ids = Array.from({ length: 20 }, (_, index) => `n${index}x`);
        await Promise.all(ids.map((id) => fetch(`${app.url}/crowd?${id}`, { headers: { "x-request-id": id } })));
        const spans = await zipkin.waitFor((all) => all.filter(({ kind }) => kind === "CLIENT").length === 60);
        for (const { kind, parentId, tags } of spans) {
          if (kind !== "CLIENT") continue;
          const id = /[abc](n\d+x)/.exec(tags["db.query.text"] ?? "")?.[1];
          assert.equal(tags["http.request.id"], id);
          assert.equal(spans.find((span) => span.id === parentId)?.tags["http.request.id"], id);
        }
      } finally {
        await app.stop("SIGKILL");
        await zipkin.close();
      }
    },
  );
}

for (const [client, library] of [
  ["tedious", "tedious@19"],
  ["oracledb", "oracledb@6"],
] as const) {
  test(
    `${library}, without a server: the app gets what it would get without redtrail`,
    { skip: lacksLibrary(library) },
    async () => {
      const { answers, stderr } = await runClient({ client, library });
      assert.deepEqual(answers, await runClientAlone({ client, library }));
      assert.equal(stderr.match(/^redtrail: .*/gm)?.length, 1, stderr);
    },
  );
}

for (const [client, library, spans] of [
  ["dataloader", "dataloader@2", ["dataloader.batch doubles", "dataloader.load doubles"]],
  ["generic-pool", "generic-pool@3", ["generic-pool.acquire"]],
  ["mongoose", undefined, ["findOne books"]],
] as const) {
  const skip = lacksLibrary(library) || (client === "mongoose" && (await lacksPort("FerretDB", FERRETDB_PORT)));
  test(`${client} has spans only where it is asked for`, { skip }, async () => {
    const expected = await runClientAlone({ client, library });
    for (const isOn of [false, true]) {
      const env = isOn ? { OTEL_NODE_ENABLED_INSTRUMENTATIONS: `http,mongodb,${client}` } : {};
      const run = await runClient({ client, library, env });
      assert.deepEqual(run.answers, expected);
      const main = run.spans.filter(({ tags }) => tags["http.request.id"] === "id-main");
      for (const name of spans)
        assert.equal(
          main.some((span) => span.name === name),
          isOn,
          name,
        );
      // In place of the driver's, not beside them.
      assert.ok(!isOn || !main.some((span) => span.name === "find books"));
      if (client !== "mongoose") assert.ok(main.every(({ kind }) => kind === undefined));
    }
  });
}

test(
  "AWS: a call is one span, without its HTTP request, and DynamoDB's is a database's",
  { skip: lacksLibrary("@aws-sdk/client-dynamodb@3") },
  async () => {
    const options = { client: "aws-dynamodb", library: "@aws-sdk/client-dynamodb@3" };
    const run = await runClient(options);
    assert.deepEqual(run.answers, await runClientAlone(options));
    const calls = run.spans.filter(({ kind }) => kind === "CLIENT");
    assert.deepEqual(
      calls.map(({ name, remoteEndpoint, tags }) => [name, remoteEndpoint?.["serviceName"], tags["http.request.id"]]),
      [
        ["GetItem words", "DynamoDB", "id-main"],
        ["PutItem words", "DynamoDB", "id-error"],
        ["GetItem words", "DynamoDB", "id-callback"],
      ],
    );
    const labels = { db_system_name: "dynamodb", db_collection_name: "words", db_operation_name: "GetItem" };
    assert.equal(sumOf(run.scrape, "db_client_operation_duration_seconds_count", labels), 2);
    assert.equal(sumOf(run.scrape, "http_client_request_duration_seconds_count"), 0);
  },
);

function lacksLibrary(library: string | undefined): false | string {
  if (library === undefined || existsSync(join(libraryFolder(library), "node_modules"))) return false;
  return lacks(`${library} is not installed (npm run servers)`);
}

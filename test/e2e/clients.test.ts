// gRPC, GraphQL and socket.io, whose servers an app has in itself: traces, ids, metrics, and nothing else for the app.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { type ClientRun, runClient, runClientAlone } from "../support/clients.ts";
import { sumOf } from "../support/scrape.ts";

const ofCase = ({ spans }: ClientRun, name: string): ClientRun["spans"] =>
  spans.filter(({ tags }) => tags["http.request.id"] === `id-${name}`);

describe("gRPC", () => {
  let alone: Readonly<Record<string, string>>;
  before(async () => {
    alone = await runClientAlone({ client: "grpc" });
  });

  for (const [isModule, engine] of [
    [false, "native"],
    [true, "node-sdk"],
  ] as const) {
    const title = `gRPC${isModule ? " as an ES module" : ""}, engine ${engine}`;
    let run: ClientRun;

    // HTTP SERVER ── CLIENT ── (metadata) ── SERVER
    test(`${title}: all four kinds of calls are one trace, with the request's id in their handlers`, async () => {
      run = await runClient({ client: "grpc", isModule, env: { REDTRAIL_ENGINE: engine } });
      const { ids, metadata, ...answers } = run.answers;
      assert.equal(ids, '[{"text":"id-ids"},{"text":"id-ids"},["i","d","id-ids",0],["id-ids",0]]');
      assert.equal(metadata, String.raw`{"text":"[\"tenant\",\"traceparent\",\"user-agent\",\"x-request-id\"]"}`);
      const { ids: _ids, metadata: _metadata, ...expected } = alone;
      assert.deepEqual(answers, expected);

      const { traceId, id } = run.requests.get("ids") ?? {};
      const spans = ofCase(run, "ids");
      const client = spans.filter(({ kind }) => kind === "CLIENT");
      assert.deepEqual(
        client.map(({ name }) => name).toSorted(),
        ["Both", "Down", "Unary", "Up"].map((name) => `redtrail.test.Words/${name}`),
      );
      for (const call of client) {
        assert.deepEqual([call.traceId, call.parentId], [traceId, id]);
        const answered = spans.filter(({ kind, parentId }) => kind === "SERVER" && parentId === call.id);
        assert.deepEqual(
          answered.map(({ name }) => name),
          [call.name],
        );
      }
    });

    test(`${title}: statuses, errors and deadlines are counted by the conventions, and no span stays open`, () => {
      const { scrape, stderr } = run;
      const method = "redtrail.test.Words/Unary";
      for (const [side, code, error, count] of [
        ["client", "OK", undefined, 5],
        ["server", "OK", undefined, 5],
        ["client", "INTERNAL", "INTERNAL", 1],
        ["server", "INTERNAL", "INTERNAL", 1],
        // The caller's mistake, and no failure of the server.
        ["client", "NOT_FOUND", "NOT_FOUND", 1],
        ["server", "NOT_FOUND", undefined, 1],
        // An error without a code, and a handler that throws.
        ["client", "UNKNOWN", "UNKNOWN", 2],
        ["server", "UNKNOWN", "UNKNOWN", 2],
        ["client", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 1],
        ["server", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 1],
        ["client", "UNAVAILABLE", "UNAVAILABLE", 1],
      ] as const) {
        const labels = {
          rpc_system_name: "grpc",
          rpc_method: method,
          rpc_response_status_code: code,
          error_type: error,
        };
        assert.equal(sumOf(scrape, `rpc_${side}_call_duration_seconds_count`, labels), count, `${side} ${code}`);
      }
      const cancelled = { rpc_method: "redtrail.test.Words/Down", rpc_response_status_code: "CANCELLED" };
      assert.equal(sumOf(scrape, "rpc_server_call_duration_seconds_count", cancelled), 1);
      assert.equal(sumOf(scrape, "otel_sdk_span_live"), 0);
      assert.equal(stderr.match(/^redtrail: .*/gm)?.length, 1, stderr);
    });
  }
});

describe("gRPC and trust", () => {
  const untrusted = { REDTRAIL_TRUSTED_CIDRS: "10.0.0.0/8", REDTRAIL_REQUEST_ID_TRUST: "internal" };
  const calls = ({ spans }: ClientRun, kind: string) =>
    spans.filter((span) => span.kind === kind && span.name === "redtrail.test.Words/Unary");
  const headersOf = ({ answers }: ClientRun): string =>
    (JSON.parse(answers["metadata"] ?? "") as { readonly text: string }).text;

  test("A caller who is not trusted gets a trace of its own that links to theirs, and an id of its own", async () => {
    const run = await runClient({
      client: "grpc",
      env: { ...untrusted, REDTRAIL_PROPAGATION_EXTRACT: "restart" },
    });
    const theirs = new Map(calls(run, "CLIENT").map((span) => [span.id, span]));
    const answered = calls(run, "SERVER");
    assert.ok(answered.length >= 8);
    for (const { parentId, traceId, tags } of answered) {
      assert.equal(parentId, undefined);
      const link = JSON.parse(tags["otel.link.0"] ?? "") as { readonly traceId: string; readonly spanId: string };
      const caller = theirs.get(link.spanId);
      assert.equal(link.traceId, caller?.traceId);
      assert.notEqual(traceId, caller?.traceId);
      assert.notEqual(tags["http.request.id"], caller?.tags["http.request.id"]);
    }
    // What the app itself gets is what was sent.
    assert.equal(headersOf(run), '["tenant","traceparent","user-agent","x-request-id"]');
  });

  for (const [what, env, ofCaller] of [
    [
      "forgets the trace of",
      { ...untrusted, REDTRAIL_PROPAGATION_EXTRACT: "ignore", REDTRAIL_ENGINE: "node-sdk" },
      false,
    ],
    ["trusts", { ...untrusted, REDTRAIL_PROPAGATION_EXTRACT: "ignore", REDTRAIL_TRUSTED_CIDRS: "127.0.0.0/8" }, true],
    ["takes no id, and the trace, of", { ...untrusted, REDTRAIL_REQUEST_ID_TRUST: "never" }, true],
  ] as const) {
    test(`A server ${what} its caller: ${JSON.stringify(env)}`, async () => {
      const run = await runClient({ client: "grpc", env });
      for (const { parentId, tags } of calls(run, "SERVER")) {
        const caller = calls(run, "CLIENT").find(({ id }) => id === parentId);
        assert.equal(caller !== undefined, ofCaller);
        assert.equal(tags["otel.link.0"], undefined);
        const isSameId = tags["http.request.id"] === caller?.tags["http.request.id"];
        assert.equal(isSameId, env.REDTRAIL_REQUEST_ID_TRUST !== "never" && ofCaller);
      }
    });
  }

  for (const [targets, expected] of [
    ["api.example.com", '["tenant","user-agent"]'],
    ["api.example.com,127.0.0.*", '["tenant","traceparent","user-agent","x-request-id"]'],
  ] as const) {
    test(`REDTRAIL_PROPAGATION_TARGETS=${targets}: the metadata has ${expected}, and the call its span`, async () => {
      const run = await runClient({ client: "grpc", env: { REDTRAIL_PROPAGATION_TARGETS: targets } });
      assert.equal(headersOf(run), expected);
      assert.ok(calls(run, "CLIENT").length >= 8);
    });
  }
});

test("GraphQL: an operation is one span without its resolvers, and one whose answer has errors has failed", async () => {
  const run = await runClient({ client: "graphql" });
  assert.deepEqual(run.answers, await runClientAlone({ client: "graphql" }));
  assert.deepEqual(
    ofCase(run, "main").map(({ name, parentId }) => [name, parentId === run.requests.get("main")?.id]),
    [
      ["graphql.parse", true],
      ["graphql.validate", true],
      ["query Words", true],
    ],
  );
  assert.equal(ofCase(run, "error").find(({ name }) => name === "query")?.tags["error"], "no such word");
  // A context that cannot be written to, none at all, and options that upstream does not know.
  for (const name of ["context", "noContext", "options"]) assert.equal(ofCase(run, name).at(-1)?.name, "query", name);
  assert.doesNotMatch(JSON.stringify(run.spans), /s3cr3t/);
});

test("GraphQL: resolvers have spans where REDTRAIL_INSTRUMENTATION_GRAPHQL_IGNORE_RESOLVE_SPANS=false asks for them", async () => {
  const run = await runClient({
    client: "graphql",
    env: { REDTRAIL_INSTRUMENTATION_GRAPHQL_IGNORE_RESOLVE_SPANS: "false" },
  });
  assert.equal(ofCase(run, "main").filter(({ name }) => name.startsWith("graphql.resolve ")).length, 5);
});

for (const isModule of [false, true]) {
  test(`socket.io${isModule ? " as an ES module" : ""}: events are spans, and listeners can be taken away again`, async () => {
    const run = await runClient({ client: "socket.io", isModule });
    // As without redtrail (test/fixtures/clients/socket.io.cjs says what they are).
    const { main, counts, once, broadcast, removed } = run.answers;
    assert.deepEqual([main, counts, once, broadcast, removed], ['"a"', "[[1,0,1],1]", "0", '"hello"', '"end"']);
    const [sent] = ofCase(run, "broadcast");
    assert.deepEqual(
      [sent?.name, sent?.kind, sent?.parentId],
      ["send /", "PRODUCER", run.requests.get("broadcast")?.id],
    );
    const processed = run.spans.filter(({ kind }) => kind === "CONSUMER");
    assert.ok(processed.length >= 4);
    assert.ok(processed.every(({ name }) => name === "process /"));
    const labels = { messaging_system: "socket.io", messaging_destination_name: "/" };
    assert.equal(sumOf(run.scrape, "messaging_process_duration_seconds_count", labels), processed.length);
  });
}

import assert from "node:assert/strict";
import test from "node:test";
import { createOptions } from "../../instrumentations/options.ts";
import { log } from "../../src/diagnostics/log.ts";

const NAMES = ["redis", "redis-streams", "aws-sdk", "socket.io"];

/** What is written to stderr by `log` is looked at end to end; here only the values. */
test("createOptions says which instrumentation has a variable that two share, and no value that is bad", (t) => {
  const lines: string[] = [];
  t.mock.method(log, "warn", (line: string) => void lines.push(line));
  const variables = {
    REDTRAIL_INSTRUMENTATION_FOO_BAR_KEY: "[s3cret",
    REDTRAIL_INSTRUMENTATION_SCOPE_LIB_KEY: "1",
  };
  const read = createOptions(variables, ["foo.bar", "foo-bar", "@scope/lib"]);
  assert.deepEqual(read("foo.bar", ["key"]), {});
  assert.deepEqual(read("foo-bar", ["key"]), {});
  assert.deepEqual(read("@scope/lib", ["key"]), { key: 1 });
  assert.deepEqual(lines, [
    'REDTRAIL_INSTRUMENTATION_FOO_BAR_KEY is of "foo.bar" and of "foo-bar", whose names are alike; "foo.bar" has it',
    "REDTRAIL_INSTRUMENTATION_FOO_BAR_KEY is not valid JSON; it is ignored",
  ]);
});

for (const [variable, text, name, known, expected] of [
  ["REDIS_REQUIRE_PARENT_SPAN", "true", "redis", ["requireParentSpan"], { requireParentSpan: true }],
  ["REDIS_REQUIRE_PARENT_SPAN", " False ", "redis", ["requireParentSpan"], { requireParentSpan: false }],
  ["REDIS_STREAMS_MAX", "7", "redis", ["streamsMax"], {}],
  ["REDIS_STREAMS_MAX", "7", "redis-streams", ["max"], { max: 7 }],
  ["AWS_SDK_SQS_PROCESS", "x", "aws-sdk", ["sqsProcess"], { sqsProcess: "x" }],
  [
    "SOCKET_IO_EMIT_IGNORE_EVENT_LIST",
    '["a","b"]',
    "socket.io",
    ["emitIgnoreEventList"],
    { emitIgnoreEventList: ["a", "b"] },
  ],
  ["SOCKET_IO_EMIT_IGNORE_EVENT_LIST", "[a", "socket.io", ["emitIgnoreEventList"], {}],
  ["REDIS_UNKNOWN", "1", "redis", ["requireParentSpan"], {}],
  ["REDIS_ANY_THING", "-1.5", "redis", undefined, { anyThing: -1.5 }],
] as const) {
  test(`option ${variable}="${text}" is ${JSON.stringify(expected)} for ${name}`, () => {
    const read = createOptions({ [`REDTRAIL_INSTRUMENTATION_${variable}`]: text }, NAMES);
    assert.deepEqual(read(name, known), expected);
  });
}

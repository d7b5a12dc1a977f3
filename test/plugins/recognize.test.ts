import assert from "node:assert/strict";
import test from "node:test";
import { misspeltParts, recognizePlugin } from "../../src/plugins/recognize.ts";

const plugin = { spanProcessors: [] };
const definition = { name: "a", start: () => {} };
class OneInstrumentation {
  enable(): void {}
}
const instance = { instrumentationName: "a", enable: () => {}, setTracerProvider: () => {} };
const extension = { instrumentations: [instance] };

for (const [what, exports, expected] of [
  ["a plug-in as default export", { default: plugin }, plugin],
  ["a plug-in as module.exports", plugin, plugin],
  ["a definition as default export", { default: definition }, { instrumentations: [definition] }],
  ["a definition as module.exports", definition, { instrumentations: [definition] }],
  ["exports `name` and `start`", { ...definition, other: 1 }, { instrumentations: [{ ...definition, other: 1 }] }],
  ["a class as default export", { default: OneInstrumentation }, { instrumentations: [OneInstrumentation] }],
  ["an instance as default export", { default: instance }, { instrumentations: [instance] }],
  ["a function that returns a plug-in", { default: () => plugin }, plugin],
  ["a function that returns a definition", () => definition, { instrumentations: [definition] }],
  ["loadOpenTelemetryExtension", { loadOpenTelemetryExtension: () => extension }, extension],
  ["the same, in CommonJS that is a default export", { default: { loadOpenTelemetryExtension: () => ({}) } }, {}],
  [
    "an extension before a default function",
    { loadOpenTelemetryExtension: () => extension, default: () => 7 },
    extension,
  ],
  ["a plug-in before an extension", { loadOpenTelemetryExtension: () => extension, default: plugin }, plugin],
  [
    "classes by their names, as OpenTelemetry's packages export them",
    { OneInstrumentation, OneAttribute: "x", helper: () => 7 },
    { instrumentations: [OneInstrumentation] },
  ],
] as const) {
  test(`recognizePlugin finds ${what}`, () => {
    assert.deepEqual(recognizePlugin(exports), expected);
  });
}

for (const [what, exports, message] of [
  ["nothing", undefined, /exports no plug-in/],
  ["something else", { a: 1 }, /neither a plug-in nor loadOpenTelemetryExtension/],
  ["a misspelt part", { spanProcesors: [] }, /it has "spanProcesors", .* \(did you mean "spanProcessors"\?\)/],
  ["an instrumentation without a name", { default: { start: () => {} } }, /its instrumentation has no name/],
  [
    "one without a start",
    { default: { name: "a", begin: () => {} } },
    /it has a name, and neither start\(\) nor any part/,
  ],
  ["an async function", { default: async () => plugin }, /its function returns a promise/],
  ["a promise", Promise.reject(new Error("no luck")), /it exports a promise/],
  ["a promise as default", { default: Promise.reject(new Error("no luck")) }, /it exports a promise/],
  ["a function that returns something else", { default: () => 7 }, /its function returns no plug-in/],
  ["an async extension", { loadOpenTelemetryExtension: async () => ({}) }, /returns a promise/],
  ["an extension that is none", { loadOpenTelemetryExtension: () => 7 }, /returns no extension/],
] as const) {
  test(`recognizePlugin refuses ${what}`, () => {
    assert.throws(() => recognizePlugin(exports), message);
  });
}

test("misspeltParts tells what is nearly a part, and nothing of what is none", () => {
  assert.deepEqual(misspeltParts({ ...plugin, name: "a", version: 1, propagator: {} }), [
    '"propagator", which is nothing of a plug-in (did you mean "propagators"?)',
  ]);
});

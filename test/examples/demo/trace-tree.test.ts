import assert from "node:assert/strict";
import test from "node:test";
import { type TreeSpan, traceTree } from "../../../examples/demo/trace-tree.ts";

test("traceTree draws children below their parents, in the order of time", () => {
  const span = (id: string, parentId: string | undefined, timestamp: number, duration: number): TreeSpan => ({
    id,
    ...(parentId === undefined ? {} : { parentId }),
    name: `get /${id}`,
    kind: "SERVER",
    timestamp,
    duration,
    localEndpoint: { serviceName: "shop" },
    tags: { "http.response.status_code": "200", outcome: "success" },
  });
  const lines = traceTree([
    span("c", "a", 6_000, 3_000),
    span("b", "a", 1_000, 4_000),
    span("a", undefined, 0, 10_000),
    span("d", "b", 2_000, 1_000),
  ]);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 20).trimEnd()),
    ["GET /a server", "├─ GET /b server", "│  └─ GET /d server", "└─ GET /c server"],
  );
  assert.match(lines[2] as string, /\+ {3}2\.0 ms {5}1\.0 ms {8}━━━/);
});

// V8's heap by its spaces. https://opentelemetry.io/docs/specs/semconv/runtime/v8js-metrics/#metric-v8jsmemoryheapused
import type { SumMetricData } from "@opentelemetry/sdk-metrics";
import { type NumberPoint, type Source, addPoint, upDownCounter } from "./source.ts";

interface SpacePoints {
  readonly used: NumberPoint;
  readonly size: NumberPoint;
  readonly available: NumberPoint;
  readonly physical: NumberPoint;
}

function bytes(name: string, description: string): SumMetricData {
  return upDownCounter({ name, unit: "By", description });
}

export function heapSpaces(): Source {
  const used = bytes("v8js.memory.heap.used", "Heap memory in use.");
  const size = bytes("v8js.memory.heap.space.size", "Heap memory that a space has set aside.");
  const available = bytes("v8js.memory.heap.space.available_size", "Heap memory that is free in a space.");
  const physical = bytes("v8js.memory.heap.space.physical_size", "Heap memory that is committed to a space.");
  /** By name: V8 has about 13 spaces, the same for the life of a process. */
  const spaces = new Map<string, SpacePoints>();
  let v8: typeof import("node:v8") | undefined;

  function addSpace(name: string): SpacePoints {
    const attributes = { "v8js.heap.space.name": name };
    const points = {
      used: addPoint(used, attributes),
      size: addPoint(size, attributes),
      available: addPoint(available, attributes),
      physical: addPoint(physical, attributes),
    };
    spaces.set(name, points);
    return points;
  }

  return {
    metrics: [used, size, available, physical],
    read() {
      // Not imported: it takes 0.45 ms to load, and no app should wait for that at its start.
      v8 ??= process.getBuiltinModule("node:v8");
      for (const space of v8.getHeapSpaceStatistics()) {
        const points = spaces.get(space.space_name) ?? addSpace(space.space_name);
        points.used.value = space.space_used_size;
        points.size.value = space.space_size;
        points.available.value = space.space_available_size;
        points.physical.value = space.physical_space_size;
      }
    },
  };
}

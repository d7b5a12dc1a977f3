// Open files and threads of the process, from what Linux says of the folders that list them: 3 µs each, nothing is listed.
// https://opentelemetry.io/docs/specs/semconv/system/process-metrics/#metric-processunixfile_descriptorcount
import { readdir, statSync } from "node:fs";
import { type NumberPoint, type Source, addPoint, upDownCounter } from "./source.ts";

const DESCRIPTORS = "/proc/self/fd";
const THREADS = "/proc/self/task";
/** A folder is linked from its parent and from itself; each folder in it adds a link. */
const OWN_LINKS = 2;
/** Listing takes 18 µs for 20 descriptors and milliseconds for thousands. */
const LIST_EVERY_MS = 10_000;

export function openFiles(): Source {
  const count = upDownCounter({
    name: "process.unix.file_descriptor.count",
    unit: "{file_descriptor}",
    description: "File descriptors that the process has open.",
  });
  let point: NumberPoint | undefined;
  let listAtMs = 0;

  function set(value: number): void {
    point ??= addPoint(count);
    point.value = value;
  }

  /** The list comes after this scrape, and is one too long: it holds the descriptor that it is read by. */
  function listLater(nowMs: number): void {
    if (nowMs < listAtMs) return;
    listAtMs = nowMs + LIST_EVERY_MS;
    readdir(DESCRIPTORS, (error, names) => {
      if (error === null) set(names.length - 1);
    });
  }

  return {
    metrics: [count],
    read({ nowMs }) {
      // The size is the count since Linux 6.2, and 0 before: a process with no descriptor at all there is none.
      const { size } = statSync(DESCRIPTORS);
      if (size > 0) set(size);
      else listLater(nowMs);
    },
  };
}

export function threads(): Source {
  const count = upDownCounter({
    name: "process.thread.count",
    unit: "{thread}",
    description: "Threads of the process.",
  });
  let point: NumberPoint | undefined;
  return {
    metrics: [count],
    read() {
      const links = statSync(THREADS).nlink - OWN_LINKS;
      // Sandboxes that only look like Linux may count no links.
      if (links <= 0) return;
      point ??= addPoint(count);
      point.value = links;
    },
  };
}

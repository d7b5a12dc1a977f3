// The metrics of a process with those of its worker threads: to whoever asks they are one process.
import { MetricsLeader } from "./leader.ts";
import type { MetricsSource } from "./member.ts";
import { acceptThreads } from "./thread-link.ts";

export function withThreads(source: MetricsSource): MetricsSource & { close(): void } {
  const threads = new MetricsLeader({ label: "main" });
  const stop = acceptThreads((link) => threads.addMember(link));
  return {
    async collect(includeSdk, timeoutMs) {
      const refreshed = includeSdk ? threads.refresh(timeoutMs) : undefined;
      const [own] = await Promise.all([source.collect(includeSdk, timeoutMs), refreshed]);
      return threads.merge(own, includeSdk ? "all" : "fast");
    },
    collectSync: () => threads.mergeSync(source.collectSync()),
    close() {
      stop();
      threads.close();
    },
  };
}

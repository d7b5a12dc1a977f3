// The span processor of tests: keeps what has begun and what has ended, and lets a test wait.
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { type TestSpan, toTestSpan } from "./spans.ts";

export class SpanRecorder implements SpanProcessor {
  /** In the order in which they began. */
  readonly #begun = new Set<ReadableSpan>();
  readonly #ended = new Set<ReadableSpan>();
  readonly #watchers = new Set<() => void>();

  onStart(span: Span): void {
    this.#begun.add(span);
  }

  onEnd(span: ReadableSpan): void {
    this.#ended.add(span);
    for (const watch of this.#watchers) watch();
  }

  /** Those that have ended, in the order in which they began. */
  spans(): TestSpan[] {
    return [...this.#begun].filter((span) => this.#ended.has(span)).map(toTestSpan);
  }

  unended(): TestSpan[] {
    return [...this.#begun].filter((span) => !this.#ended.has(span)).map(toTestSpan);
  }

  reset(): void {
    this.#begun.clear();
    this.#ended.clear();
  }

  async waitFor(count: number, timeoutMs: number): Promise<TestSpan[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watch = (): void => {
      if (this.spans().length >= count) resolve();
    };
    const timer = setTimeout(() => {
      const names = this.spans().map(({ name }) => name);
      reject(new Error(`${names.length} of ${count} spans after ${timeoutMs} ms: ${names.join(", ")}`));
    }, timeoutMs);
    this.#watchers.add(watch);
    watch();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watch);
    }
    return this.spans();
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

// Takes secrets out of every span that ends, whoever made it. The first of the processors: those behind it, metrics and exporters,
// see nothing else.
//
// In onEnd and not in onEnding: then nobody can add to the span any more, events and status are the span's own objects and can
// be changed like its attributes, and onEnd is what every version of the SDK calls.
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { REDACTED } from "../redaction/urls.ts";

type Changeable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

export class RedactionSpanProcessor implements SpanProcessor {
  readonly #redactor: Redactor;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  onStart(): void {}

  /** The SDK calls this inside the app's `span.end()`, and lets through what it throws. */
  onEnd(span: Changeable<ReadableSpan>): void {
    try {
      this.#redact(span);
    } catch (error) {
      log.warnSometimes("redaction", `a span could not be redacted (${String(error)}); it goes on without attributes`);
      empty(span);
    }
  }

  #redact(span: Changeable<ReadableSpan>): void {
    const redactor = this.#redactor;
    redactor.attributes(span.attributes);
    // Some are named after the path that was asked for.
    span.name = redactor.url(span.name);
    const { status, events, links } = span;
    if (status.message !== undefined) span.status = { ...status, message: redactor.text(status.message) };
    for (const event of events as Changeable<ReadableSpan["events"][number]>[]) {
      event.name = redactor.text(event.name);
      if (event.attributes !== undefined) redactor.attributes(event.attributes);
    }
    for (const { attributes } of links) if (attributes !== undefined) redactor.attributes(attributes);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

/** What is left tells that there was a span, and nothing of what it holds. */
function empty(span: Changeable<ReadableSpan>): void {
  try {
    Object.assign(span, { name: REDACTED, attributes: {}, events: [], links: [], status: { code: span.status.code } });
  } catch {
    // A span that cannot be changed at all is not one of the SDK's.
  }
}

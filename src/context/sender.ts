// What a carrier says of its sender that belongs on the span of the one who receives it.
import { type Attributes, type Context, type Link, createContextKey } from "@opentelemetry/api";

export interface Sender {
  readonly attributes?: Attributes;
  /** Other traces that the same message belongs to. */
  readonly links?: readonly Link[];
}

const SENDER = createContextKey("redtrail.sender");

export function senderOf(context: Context): Sender | undefined {
  return context.getValue(SENDER) as Sender | undefined;
}

/** Adds to what is known. */
export function addSender(context: Context, { attributes, links = [] }: Sender): Context {
  const known = senderOf(context);
  return context.setValue(SENDER, {
    attributes: { ...known?.attributes, ...attributes },
    links: [...(known?.links ?? []), ...links],
  } satisfies Sender);
}

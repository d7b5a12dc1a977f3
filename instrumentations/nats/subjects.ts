// Which subjects of NATS are messages of the app.
// https://docs.nats.io/nats-concepts/subjects

/** `$JS.ACK...`, `$JS.API...`, `$KV...`, `$SYS...`: what the client and its stores say to the server. */
export function isSystem(subject: string): boolean {
  return subject.startsWith("$") || subject.includes(".API.CONSUMER.") || subject.includes(".API.STREAM.");
}

/** Where a reply goes to; whoever has asked waits for it in a context of their own. */
export function isInbox(
  subject: string,
  { options }: { readonly options?: { readonly inboxPrefix?: string | undefined } },
): boolean {
  return subject.startsWith(`${options?.inboxPrefix ?? "_INBOX"}.`) || subject.startsWith("_INBOX.");
}

/** `orders.*` and `orders.>` stand for many subjects. */
export function isPattern(subject: string): boolean {
  return subject.endsWith(">") || subject.split(".").includes("*");
}

// What the two bundles that deal with messages (the preload and the public API) have in common in a process.

interface SharedMessaging {
  /** What is known of messages (see received.ts), by the library's own message object. */
  readonly received: WeakMap<object, unknown>;
  readonly counts: {
    /** Headers that a message had no room for. */
    droppedHeaders: number;
    /** Messages that went without our headers, because their broker would have refused them with those. */
    bareMessages: number;
    /** Messages of batches whose senders are not linked, because the span has as many links as it may have. */
    unlinkedMessages: number;
  };
}

const SHARED: unique symbol = Symbol.for("redtrail.messaging") as never;
const holder = globalThis as { [SHARED]?: SharedMessaging };

export const sharedMessaging: SharedMessaging = (holder[SHARED] ??= {
  received: new WeakMap(),
  counts: { droppedHeaders: 0, bareMessages: 0, unlinkedMessages: 0 },
});

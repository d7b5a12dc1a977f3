// oracledb tells of each message that a call takes; the call is the span.

type Handler = Record<"onBeginRoundTrip" | "onEndRoundTrip", unknown>;

/** The handler is made when oracledb is loaded, and kept in a field. */
export function withoutRoundTrips(instrumentation: object): void {
  let handler: Handler | null | undefined;
  Object.defineProperty(instrumentation, "_tmHandler", {
    get: () => handler,
    set(value: Handler | null | undefined) {
      handler = value;
      if (value) value.onBeginRoundTrip = value.onEndRoundTrip = () => {};
    },
  });
}

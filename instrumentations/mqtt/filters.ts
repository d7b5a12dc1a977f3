// Which of a client's subscriptions a topic came by, where that stands for many topics.
// https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901241 (4.7 Topic Names and Topic Filters)

/** Subscriptions that are looked at for each message; an app with more has its topics themselves as names. */
const MAX_FILTERS = 100;

/** The first filter with a wildcard that the topic matches: `devices/+/state`, without the `$share/group/` before it. */
export function findFilter(
  topic: string,
  subscriptions: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  let looked = 0;
  let levels: readonly string[] | undefined;
  for (const subscription in subscriptions) {
    if (++looked > MAX_FILTERS) return undefined;
    if (!subscription.includes("+") && !subscription.includes("#")) continue;
    const filter = subscription.startsWith("$share/") ? subscription.replace(/^\$share\/[^/]*\//, "") : subscription;
    levels ??= topic.split("/");
    if (matches(levels, filter.split("/"))) return filter;
  }
  return undefined;
}

function matches(topic: readonly string[], filter: readonly string[]): boolean {
  const rest = filter.indexOf("#");
  const length = rest === -1 ? filter.length : rest;
  // `a/#` is `a` too.
  if (rest === -1 ? topic.length !== length : topic.length < length) return false;
  return filter.slice(0, length).every((level, index) => level === "+" || level === topic[index]);
}

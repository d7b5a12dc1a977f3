// The index or data stream that a record goes to.

const DATE = /%\{\+([^}]+)\}/g;
const DATA_STREAM = /^(logs|metrics|traces|synthetics)-([^-%]+)-([^-%]+)$/;

/** From `logs-%{+yyyy.MM.dd}` and a time (milliseconds since 1970): `logs-2026.11.24`, by UTC. */
export function createIndexNamer(pattern: string): (time: number) => string {
  if (!pattern.includes("%{+")) return () => pattern;
  let day = Number.NaN;
  let name = "";
  return (time) => {
    const today = Math.floor(time / 3_600_000);
    // Hours are the finest that a name may hold, so it changes once an hour at most.
    if (today !== day) {
      day = today;
      name = pattern.replaceAll(DATE, (_, format: string) => formatDate(format, new Date(time)));
    }
    return name;
  };
}

/** The fields that tell Elasticsearch which data stream a document is of; none for an index. */
export function dataStreamFields(pattern: string): Record<string, string> {
  const match = DATA_STREAM.exec(pattern);
  if (match === null) return {};
  const [, type = "", dataset = "", namespace = ""] = match;
  return { "data_stream.type": type, "data_stream.dataset": dataset, "data_stream.namespace": namespace };
}

/** The pattern of names that an index template has to match. */
export function templatePattern(pattern: string): string {
  const match = DATA_STREAM.exec(pattern);
  if (match !== null) return `${match[1]}-${match[2]}-*`;
  return pattern.replaceAll(DATE, "*");
}

export function isDataStream(pattern: string): boolean {
  return DATA_STREAM.test(pattern);
}

/** What Logstash and Beats write: yyyy, MM, dd, HH. */
function formatDate(format: string, date: Date): string {
  const iso = date.toISOString();
  return format
    .replaceAll(/y{4}/gi, iso.slice(0, 4))
    .replaceAll("MM", iso.slice(5, 7))
    .replaceAll("dd", iso.slice(8, 10))
    .replaceAll("HH", iso.slice(11, 13));
}

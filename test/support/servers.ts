// Skips a test that needs a real server when there is none; in CI (REDTRAIL_REQUIRE_SERVERS=1) it fails instead.
import { once } from "node:events";
import { connect } from "node:net";
import { ELASTICSEARCH_URL } from "../../scripts/servers/elasticsearch.ts";
import { OPENSEARCH_URL } from "../../scripts/servers/opensearch.ts";
import { PROMETHEUS_URL } from "../../scripts/servers/prometheus.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";

const isRequired = process.env["REDTRAIL_REQUIRE_SERVERS"] === "1";

/** For a test's `skip`: false, or why it cannot run. */
export function lacksServers(): Promise<false | string> {
  return lacksAny([
    ["Zipkin", `${ZIPKIN_URL}/health`],
    ["Prometheus", `${PROMETHEUS_URL}/-/ready`],
  ]);
}

/** The same for Elasticsearch and OpenSearch. */
export function lacksSearchServers(): Promise<false | string> {
  return lacksAny([
    ["Elasticsearch", `${ELASTICSEARCH_URL}/_cluster/health`],
    ["OpenSearch", `${OPENSEARCH_URL}/_cluster/health`],
  ]);
}

/** The same for a server that takes connections at a port of this host. */
export async function lacksPort(name: string, port: number): Promise<false | string> {
  const socket = connect(port, "127.0.0.1");
  const isUp = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isUp ? false : lacks(`${name} takes no connection at port ${port} (npm run servers)`);
}

async function lacksAny(servers: readonly (readonly [name: string, url: string])[]): Promise<false | string> {
  for (const [name, url] of servers) {
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!isUp) return lacks(`${name} does not answer at ${url} (npm run servers)`);
  }
  return false;
}

export function lacks(reason: string): string {
  if (isRequired) throw new Error(reason);
  return reason;
}

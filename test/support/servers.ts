// Skips a test that needs a real server when there is none; in CI (REDTRAIL_REQUIRE_SERVERS=1) it fails instead.
import { PROMETHEUS_URL } from "../../scripts/servers/prometheus.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";

const isRequired = process.env["REDTRAIL_REQUIRE_SERVERS"] === "1";

/** For a test's `skip`: false, or why it cannot run. */
export async function lacksServers(): Promise<false | string> {
  for (const [name, url] of [
    ["Zipkin", `${ZIPKIN_URL}/health`],
    ["Prometheus", `${PROMETHEUS_URL}/-/ready`],
  ] as const) {
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

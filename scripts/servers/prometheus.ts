// Prometheus and promtool, from Debian's package.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, isInstalled, run, say, startServer } from "./process.ts";

export const PROMETHEUS_URL = "http://127.0.0.1:9090";
/** A file `*.json` in here is a list of targets ([{ "targets": ["127.0.0.1:1234"] }]); Prometheus finds it within seconds. */
export const PROMETHEUS_TARGETS: string = join(SERVERS, "prometheus/targets");

const CONFIG = `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: redtrail
    static_configs: [{ targets: ["127.0.0.1:9464"] }]
  - job_name: test
    file_sd_configs: [{ files: ["${PROMETHEUS_TARGETS}/*.json"], refresh_interval: 1s }]
`;

export async function startPrometheus(): Promise<void> {
  if (!isInstalled("prometheus") || !isInstalled("promtool")) {
    say("installing Debian's prometheus (apt-get)");
    const hint = "as root on Debian this installs the package; elsewhere put `prometheus` and `promtool` on PATH";
    run("apt-get", ["update", "-q"], { hint });
    run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "prometheus"], { hint });
    // The package starts a service of its own, on the same port.
    if (isInstalled("service"))
      run("service", ["prometheus", "stop"], { hint: "the package's own service has to be stopped" });
  }
  const folder = join(SERVERS, "prometheus");
  mkdirSync(PROMETHEUS_TARGETS, { recursive: true });
  writeFileSync(join(folder, "prometheus.yml"), CONFIG);
  await startServer({
    name: "prometheus",
    command: "prometheus",
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      "--web.listen-address=127.0.0.1:9090",
      "--web.enable-lifecycle",
    ],
    healthUrl: `${PROMETHEUS_URL}/-/ready`,
    timeoutMs: 60_000,
  });
}

// Prometheus and promtool from Debian's package, and a present-day Prometheus built from its Go module.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SERVERS, inTurnForGo, installPackages, run, say, startServer } from "./process.ts";

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
  await installPackages(["prometheus"], ["prometheus", "promtool"]);
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

const VERSION_3 = "v0.316.0";
/** Prometheus 3.16, which tests start themselves, with their own configuration. */
export const PROMETHEUS_3: string = join(SERVERS, "prometheus3", VERSION_3, "prometheus");

/** About two minutes on two cores: Debian's Prometheus is of 2023, and negotiates less. */
export function provisionPrometheus3(): Promise<void> {
  return existsSync(PROMETHEUS_3) ? Promise.resolve() : inTurnForGo(build);
}

async function build(): Promise<void> {
  say("building Prometheus 3.16 (go install); this takes minutes");
  // Without the discovery of clouds, whose libraries are most of the build.
  await run(
    "nice",
    ["go", "install", "-tags", "remove_all_sd", `github.com/prometheus/prometheus/cmd/prometheus@${VERSION_3}`],
    {
      env: { GOBIN: dirname(PROMETHEUS_3), GOFLAGS: "-buildvcs=false" },
      hint: "Go 1.26 or later builds it from the Go module proxy",
    },
  );
}

// `node dashboards/generate.ts && npm run fix` writes dashboards/grafana/*.json from dashboards/source; a test says whether they are
// up to date.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { redOverview } from "./source/red-overview.ts";
import { routeDetail } from "./source/route-detail.ts";
import { serviceDetail } from "./source/service-detail.ts";
import { telemetryHealth } from "./source/telemetry-health.ts";

const FOLDER = join(import.meta.dirname, "grafana");

const DASHBOARDS: Readonly<Record<string, object>> = {
  "red-overview": redOverview,
  "route-detail": routeDetail,
  "service-detail": serviceDetail,
  "telemetry-health": telemetryHealth,
};

/** Each dashboard, by the path of its file. */
export function dashboardFiles(): ReadonlyMap<string, object> {
  return new Map(Object.entries(DASHBOARDS).map(([name, dashboard]) => [join(FOLDER, `${name}.json`), dashboard]));
}

if (import.meta.main) {
  for (const [path, dashboard] of dashboardFiles()) writeFileSync(path, JSON.stringify(dashboard, undefined, 2));
}

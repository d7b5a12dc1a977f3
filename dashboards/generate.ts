// `node dashboards/generate.ts && npm run fix` writes dashboards/grafana/*.json from dashboards/source, and the index template of the
// request log; a test says whether they are up to date.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETTINGS } from "../src/config/settings.ts";
import { indexTemplate } from "../src/exporters/elasticsearch/template.ts";
import { redOverview } from "./source/red-overview.ts";
import { routeDetail } from "./source/route-detail.ts";
import { serviceDetail } from "./source/service-detail.ts";
import { telemetryHealth } from "./source/telemetry-health.ts";

const FOLDER = join(import.meta.dirname, "grafana");

const DEFAULT_INDEX = SETTINGS.get("REDTRAIL_ELASTICSEARCH_INDEX")?.default ?? "";

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

const TEMPLATE_FILE = join(import.meta.dirname, "elasticsearch/index-template.json");

/** All that is generated. */
export function generatedFiles(): ReadonlyMap<string, object> {
  return new Map([...dashboardFiles(), [TEMPLATE_FILE, indexTemplate(DEFAULT_INDEX)]]);
}

if (import.meta.main) {
  for (const [path, content] of generatedFiles()) writeFileSync(path, JSON.stringify(content, undefined, 2));
}

// The dashboards and rules, and all expressions in them.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Rule, readRules } from "./rule-file.ts";

export const DASHBOARDS_FOLDER: string = join(import.meta.dirname, "../../dashboards");
export const RULES_FOLDER: string = join(DASHBOARDS_FOLDER, "prometheus");
const GRAFANA_FOLDER = join(DASHBOARDS_FOLDER, "grafana");

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string; readonly links?: readonly Link[] } };
  readonly targets?: readonly Target[];
  readonly panels?: readonly Panel[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

interface Link {
  readonly url: string;
}

interface Target {
  readonly refId: string;
  readonly expr?: string;
  readonly legendFormat?: string;
  readonly exemplar?: boolean;
  readonly datasource: { readonly type: string; readonly uid: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

/** By file name. */
export function readDashboards(): Map<string, Dashboard> {
  const names = readdirSync(GRAFANA_FOLDER).filter((name) => name.endsWith(".json"));
  return new Map(
    names.map((name) => [name, JSON.parse(readFileSync(join(GRAFANA_FOLDER, name), "utf8")) as Dashboard]),
  );
}

/** Rows, and the panels in them. */
export function allPanels({ panels }: Pick<Dashboard, "panels">): Panel[] {
  return panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

export function ruleFiles(): string[] {
  return readdirSync(RULES_FOLDER).filter((name) => name.endsWith(".rules.yml"));
}

export function readRuleFile(name: string): Rule[] {
  return readRules(readFileSync(join(RULES_FOLDER, name), "utf8"));
}

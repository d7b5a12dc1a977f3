// Grafana's dashboards as we use them: the few shapes that we need, and what places panels on the grid.
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/

/** Grafana 10.4 and 11; later ones migrate it when they load it. */
const SCHEMA_VERSION = 39;
const GRID_WIDTH = 24;

const PROMETHEUS = { type: "prometheus", uid: "${datasource}" } as const;

export interface Query {
  readonly expr: string;
  /** `{{label}}` of the series; for a table, the column's name. */
  readonly legend?: string;
  /** @default false */
  readonly exemplar?: boolean;
}

export interface PanelSpec {
  readonly title: string;
  readonly description: string;
  /** Grafana's id of it: s, reqps, percentunit, bytes, short. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** @default timeseries */
  readonly type?: "timeseries" | "stat" | "bargauge" | "heatmap" | "table";
  /** Of 24. @default 8 */
  readonly width?: number;
  /** @default 8 */
  readonly height?: number;
  /** Of the value axis. */
  readonly max?: number;
  /** Values from which it is shown in yellow and in red. */
  readonly thresholds?: readonly [warn: number, bad: number];
  /** @default false */
  readonly stacked?: boolean;
  /** Table: units by column. */
  readonly columnUnits?: Readonly<Record<string, string>>;
  /** Where a value leads: a dashboard's uid and the label that is its variable. */
  readonly drillDown?: DrillDown;
}

export interface DrillDown {
  readonly title: string;
  readonly uid: string;
  readonly variable: string;
  readonly label: string;
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly (PanelSpec | TracePanelSpec)[];
  /** @default false */
  readonly collapsed?: boolean;
}

export interface TracePanelSpec {
  readonly type: "traces";
  readonly title: string;
  readonly description: string;
  readonly query: string;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** PromQL of Grafana's own kind: `label_values(metric, label)`; or the choices; or nothing, for text. */
  readonly query?: string;
  readonly choices?: readonly string[];
  /** What "All" stands for; unset: the list of all values. */
  readonly allValue?: string;
}

export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly RowSpec[];
}

type Json = Readonly<Record<string, unknown>>;

export function createDashboard({ uid, title, description, variables, rows }: DashboardSpec): Json {
  return {
    uid,
    title,
    description,
    tags: ["redtrail"],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "",
    annotations: { list: [] },
    links: [
      {
        title: "redtrail",
        type: "dashboards",
        tags: ["redtrail"],
        asDropdown: false,
        icon: "external link",
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        tooltip: "",
        url: "",
      },
    ],
    templating: { list: [datasourceVariable(), ...variables.map(createVariable)] },
    panels: createPanels(rows),
  };
}

function datasourceVariable(): Json {
  return {
    name: "datasource",
    label: "Prometheus",
    description: "The Prometheus that scrapes the services.",
    type: "datasource",
    query: "prometheus",
    regex: "",
    refresh: 1,
    multi: false,
    includeAll: false,
    hide: 0,
    current: { selected: true, text: "Prometheus", value: "prometheus" },
  };
}

function createVariable({ name, label, description, query, choices, allValue }: Variable): Json {
  const common = { name, label, description, hide: 0, skipUrlSync: false };
  if (choices !== undefined) {
    const [first = ""] = choices;
    const options = choices.map((value) => ({ selected: value === first, text: value, value }));
    const current = { selected: true, text: first, value: first };
    return { ...common, type: "custom", query: choices.join(","), multi: false, includeAll: false, current, options };
  }
  if (query === undefined) return { ...common, type: "textbox", query: "", current: { text: "", value: "" } };
  return {
    ...common,
    type: "query",
    datasource: PROMETHEUS,
    definition: query,
    query: { query, refId: name },
    // With the time range, so that instances that are gone are found in the hours in which they lived.
    refresh: 2,
    sort: 1,
    regex: "",
    multi: true,
    includeAll: true,
    ...(allValue === undefined ? {} : { allValue }),
    current: { selected: true, text: ["All"], value: ["$__all"] },
  };
}

/** Panels fill lines from left to right; ids are given in order. */
function createPanels(rows: readonly RowSpec[]): Json[] {
  const panels: Json[] = [];
  let id = 1;
  let y = 0;
  for (const { title, panels: specs, collapsed = false } of rows) {
    const gridPos = { h: 1, w: GRID_WIDTH, x: 0, y: y++ };
    const row = { id: id++, type: "row", title, collapsed, gridPos };
    const inner: Json[] = [];
    let x = 0;
    let lineHeight = 0;
    for (const spec of specs) {
      const { w, h } = sizeOf(spec);
      if (x + w > GRID_WIDTH) {
        y += lineHeight;
        x = 0;
        lineHeight = 0;
      }
      inner.push(createPanel(spec, id++, { h, w, x, y }));
      x += w;
      lineHeight = Math.max(lineHeight, h);
    }
    y += lineHeight;
    panels.push({ ...row, panels: collapsed ? inner : [] });
    if (!collapsed) panels.push(...inner);
  }
  return panels;
}

function sizeOf(spec: PanelSpec | TracePanelSpec): { w: number; h: number } {
  return spec.type === "traces" ? { w: GRID_WIDTH, h: 14 } : { w: spec.width ?? 8, h: spec.height ?? 8 };
}

function createPanel(spec: PanelSpec | TracePanelSpec, id: number, gridPos: Json): Json {
  const { title, description } = spec;
  if (spec.type === "traces") {
    const datasource = { type: "zipkin", uid: "zipkin" };
    const targets = [{ refId: "A", datasource, query: spec.query, queryType: "traceID" }];
    return { id, type: "traces", title, description, datasource, gridPos, targets };
  }
  const type = spec.type ?? "timeseries";
  return {
    id,
    type,
    title,
    description,
    datasource: PROMETHEUS,
    gridPos,
    targets: spec.queries.map((query, index) => createTarget(query, type, String.fromCodePoint(65 + index))),
    fieldConfig: { defaults: createDefaults(spec, type), overrides: createOverrides(spec) },
    options: createOptions(spec, type),
    ...(type === "table" ? { transformations: createTransformations(spec) } : {}),
  };
}

function createTarget({ expr, legend = "", exemplar = false }: Query, type: string, refId: string): Json {
  const isInstant = type === "table" || type === "bargauge";
  return {
    refId,
    datasource: PROMETHEUS,
    editorMode: "code",
    expr,
    legendFormat: type === "table" ? "__auto" : type === "heatmap" ? "{{le}}" : legend,
    format: type === "table" ? "table" : type === "heatmap" ? "heatmap" : "time_series",
    instant: isInstant,
    range: !isInstant,
    exemplar,
  };
}

function createDefaults({ unit, max, thresholds, stacked = false, drillDown }: PanelSpec, type: string): Json {
  const steps = [
    { color: "green", value: null },
    ...(thresholds === undefined
      ? []
      : [
          { color: "yellow", value: thresholds[0] },
          { color: "red", value: thresholds[1] },
        ]),
  ];
  return {
    unit,
    min: 0,
    ...(max === undefined ? {} : { max }),
    color: { mode: thresholds !== undefined && type !== "timeseries" ? "thresholds" : "palette-classic" },
    thresholds: { mode: "absolute", steps },
    links: drillDown === undefined || type === "table" ? [] : [linkTo(drillDown, "field.labels")],
    custom:
      type === "timeseries"
        ? {
            drawStyle: "line",
            lineWidth: 1,
            fillOpacity: stacked ? 30 : 8,
            showPoints: "never",
            spanNulls: false,
            stacking: { mode: stacked ? "normal" : "none", group: "A" },
            thresholdsStyle: { mode: thresholds === undefined ? "off" : "dashed" },
          }
        : type === "table"
          ? { align: "auto", inspect: false }
          : {},
  };
}

function linkTo({ title, uid, variable, label }: DrillDown, from: "field.labels" | "data.fields"): Json {
  const kept = ["datasource", "job", "service"].filter((name) => name !== variable);
  const parameters = kept.map((name) => `\${${name}:queryparam}`).join("&");
  const url = `/d/${uid}?${parameters}&var-${variable}=\${__${from}.${label}}&\${__url_time_range}`;
  return { title, url, targetBlank: false };
}

function createOverrides({ columnUnits = {}, drillDown, type }: PanelSpec): Json[] {
  const units = Object.entries(columnUnits).map(([column, unit]) => ({
    matcher: { id: "byName", options: column },
    properties: [{ id: "unit", value: unit }],
  }));
  if (drillDown === undefined || type !== "table") return units;
  const links = [linkTo(drillDown, "data.fields")];
  return [
    ...units,
    { matcher: { id: "byName", options: drillDown.label }, properties: [{ id: "links", value: links }] },
  ];
}

function createOptions({ unit }: PanelSpec, type: string): Json {
  switch (type) {
    case "timeseries":
      return {
        legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"], showLegend: true },
        tooltip: { mode: "multi", sort: "desc" },
      };
    case "heatmap":
      return {
        calculate: false,
        cellGap: 1,
        color: { mode: "scheme", fill: "dark-orange", scheme: "Spectral", steps: 64, exponent: 0.5, reverse: false },
        exemplars: { color: "rgba(255,0,255,0.7)" },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        showValue: "never",
        rowsFrame: { layout: "auto" },
        tooltip: { mode: "single", showColorScale: false, yHistogram: true },
        yAxis: { axisPlacement: "left", reverse: false, unit },
      };
    case "table":
      return { frameIndex: 0, showHeader: true, cellHeight: "sm", sortBy: [{ displayName: "rate", desc: true }] };
    case "bargauge":
      return {
        displayMode: "basic",
        legend: { calcs: [], displayMode: "list", placement: "bottom", showLegend: false },
        namePlacement: "auto",
        sizing: "auto",
        minVizWidth: 8,
        minVizHeight: 16,
        maxVizHeight: 300,
        orientation: "horizontal",
        reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
        showUnfilled: true,
        valueMode: "color",
      };
    default:
      return {
        colorMode: "value",
        graphMode: "area",
        justifyMode: "auto",
        orientation: "auto",
        reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
        textMode: "auto",
        wideLayout: true,
        showPercentChange: false,
        percentChangeColorMode: "standard",
      };
  }
}

/** One row per series, one column per query. */
function createTransformations({ queries }: PanelSpec): Json[] {
  const renameByName = Object.fromEntries(
    queries.map(({ legend = "" }, index) => [
      queries.length === 1 ? "Value" : `Value #${String.fromCodePoint(65 + index)}`,
      legend,
    ]),
  );
  return [
    { id: "merge", options: {} },
    { id: "organize", options: { excludeByName: { Time: true }, indexByName: {}, renameByName } },
  ];
}

// Reads the settings of RED metrics and of the Prometheus endpoint.
import type { TranslationStrategy } from "../exporters/prometheus/names.ts";
import { parseDimension } from "../metrics/dimension.ts";
import { parseErrorClass } from "../metrics/error-class.ts";
import type { ExemplarFilter } from "../metrics/exemplar.ts";
import { parseExclusion } from "../metrics/exclusion.ts";
import type { RedFamilyName, RedOptions } from "../metrics/red-options.ts";
import type { PrometheusConfig } from "./config.ts";
import { type SettingReader, readMembers } from "./reader.ts";

export function readRed(reader: SettingReader): RedOptions {
  const families = reader.get("REDTRAIL_RED_METRICS") as readonly (RedFamilyName | "none")[];
  const profile = reader.get("REDTRAIL_RED_PROFILE") as RedOptions["profile"];
  const unit = reader.get("REDTRAIL_RED_UNIT") as RedOptions["unit"];
  if (unit === "ms" && profile !== "collector") {
    reader.problems.push(`REDTRAIL_RED_UNIT="ms" does not go with REDTRAIL_RED_PROFILE="${profile}"; using s`);
  }
  return {
    families: families.filter((name) => name !== "none"),
    profile,
    unit: profile === "collector" ? unit : "s",
    namespace: reader.get("REDTRAIL_RED_NAMESPACE") as string,
    dimensions: readMembers(reader, "REDTRAIL_RED_DIMENSIONS", parseDimension, "key[=default][@calls|duration]"),
    exclusions: readMembers(reader, "REDTRAIL_RED_EXCLUDE", parseExclusion, "route:, name:, kind: or scope:"),
    errorClasses: readMembers(reader, "REDTRAIL_RED_ERRORS", parseErrorClass, "server:5xx or client:429"),
    aborted: reader.get("REDTRAIL_RED_ABORTED") as RedOptions["aborted"],
    streams: reader.get("REDTRAIL_RED_STREAMS") as RedOptions["streams"],
    buckets: reader.get("REDTRAIL_RED_BUCKETS") as readonly number[] | undefined,
    slo: (reader.get("REDTRAIL_RED_SLO") as readonly number[] | undefined) ?? [],
    seriesLimit: reader.get("REDTRAIL_RED_SERIES_LIMIT") as number,
    labelLimits: readLabelLimits(reader),
    idleAfterS: (reader.get("REDTRAIL_RED_IDLE_AFTER") as number) / 1000,
    templateIds: reader.get("REDTRAIL_RED_TEMPLATE_IDS") as boolean,
    exemplarFilter: reader.get("OTEL_METRICS_EXEMPLAR_FILTER") as ExemplarFilter,
    nativeHistograms: reader.get("REDTRAIL_RED_NATIVE_HISTOGRAMS") as boolean,
  };
}

function readLabelLimits(reader: SettingReader): Readonly<Record<string, number>> {
  const pairs = (reader.get("REDTRAIL_RED_LABEL_LIMITS") ?? {}) as Readonly<Record<string, string>>;
  const limits: Record<string, number> = {};
  for (const [key, text] of Object.entries(pairs)) {
    if (/^[1-9]\d{0,8}$/.test(text)) limits[key] = Number(text);
    else {
      reader.problems.push(
        `REDTRAIL_RED_LABEL_LIMITS holds "${key}=${text}", which is no key=number above 0; it is left out`,
      );
    }
  }
  return limits;
}

export function readPrometheus(reader: SettingReader): PrometheusConfig {
  const file = (name: string): string | undefined => reader.get(name) as string | undefined;
  return {
    host: reader.get("OTEL_EXPORTER_PROMETHEUS_HOST") as string,
    port: reader.get("OTEL_EXPORTER_PROMETHEUS_PORT") as number,
    tls: readTls(reader),
    authFile: file("REDTRAIL_PROMETHEUS_AUTH_FILE"),
    translationStrategy: reader.get("REDTRAIL_PROMETHEUS_TRANSLATION_STRATEGY") as TranslationStrategy,
    scopeLabels: reader.get("REDTRAIL_PROMETHEUS_SCOPE_LABELS") as boolean,
    targetInfo: reader.get("REDTRAIL_PROMETHEUS_TARGET_INFO") as boolean,
    resourceLabels: (reader.get("REDTRAIL_PROMETHEUS_RESOURCE_LABELS") ?? []) as readonly string[],
    created: reader.get("REDTRAIL_PROMETHEUS_CREATED") as boolean,
  };
}

/** Half of a pair is kept: the server then says which file is missing, and serves nothing in the clear. */
function readTls(reader: SettingReader): PrometheusConfig["tls"] {
  const [certFile, keyFile, clientCaFile] = ["CERT", "KEY", "CLIENT_CA"].map(
    (part) => reader.get(`REDTRAIL_PROMETHEUS_TLS_${part}_FILE`) as string | undefined,
  );
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  return {
    certFile: certFile ?? "",
    keyFile: keyFile ?? "",
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
  };
}

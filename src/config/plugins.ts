// Reads which plug-ins to load: what they bring decides what other settings may name, so this comes first.
import type { SettingReader } from "./reader.ts";

export function readPlugins(reader: SettingReader): readonly string[] {
  const names = ["REDTRAIL_PLUGINS", "OTEL_NODE_EXTENSIONS"];
  return [...new Set(names.flatMap((name) => (reader.get(name) ?? []) as readonly string[]))];
}

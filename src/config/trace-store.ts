// Reads the settings of the shared storage.
import { parseStoreAddress } from "../trace-store/address.ts";
import type { TraceStoreConfig, TraceStoreMode } from "./config.ts";
import { readTlsFiles } from "./delivery.ts";
import { redactCredentials } from "./parse.ts";
import type { SettingReader } from "./reader.ts";
import { SETTINGS } from "./settings.ts";

const NAMESPACE = /^[A-Za-z0-9_.-]{1,64}$/;

export function readTraceStore(reader: SettingReader): TraceStoreConfig {
  return {
    address: readAddress(reader),
    mode: reader.get("REDTRAIL_TRACE_STORE_MODE") as TraceStoreMode,
    budgetMs: reader.get("REDTRAIL_TRACE_STORE_BUDGET") as number,
    ttlMs: reader.get("REDTRAIL_TRACE_STORE_TTL") as number,
    namespace: readNamespace(reader),
    secret: reader.get("REDTRAIL_TRACE_STORE_SECRET") as string | undefined,
    tls: readTlsFiles(reader, "REDTRAIL_TRACE_STORE"),
  };
}

function readAddress(reader: SettingReader): TraceStoreConfig["address"] {
  const name = "REDTRAIL_TRACE_STORE_URL";
  const text = reader.get(name) as string | undefined;
  if (text === undefined) return undefined;
  const address = parseStoreAddress(text);
  if (address === undefined) {
    const form = "redis://host:port/database, rediss://..., unix:///path or memory:";
    reader.problems.push(`${name}="${redactCredentials(text)}" is not ${form}; the store is off`);
  }
  return address;
}

function readNamespace(reader: SettingReader): string {
  const name = "REDTRAIL_TRACE_STORE_NAMESPACE";
  const text = reader.get(name) as string;
  if (NAMESPACE.test(text)) return text;
  const used = SETTINGS.get(name)?.default ?? "";
  reader.problems.push(`${name}="${text}" is not 1 to 64 letters, digits, ., _ or -; using ${used}`);
  return used;
}

// Reads the settings of redaction, and of headers that become attributes.
import type { CapturedHeaders, RedactionConfig } from "./config.ts";
import { HEADER_NAME, type SettingReader, readMembers } from "./reader.ts";

/** A comma is part of many a pattern, so these are separated by what is part of none. */
const BETWEEN_PATTERNS = /;;|[\r\n]+/;

export function readRedaction(reader: SettingReader): RedactionConfig {
  const patterns = (reader.get("REDTRAIL_REDACT_PATTERNS") ?? "") as string;
  return {
    dbQueries: reader.get("REDTRAIL_REDACT_DB_QUERIES") as boolean,
    keys: (reader.get("REDTRAIL_REDACT_KEYS") ?? []) as readonly string[],
    patterns: [...new Set(patterns.split(BETWEEN_PATTERNS).map((one) => one.trim()))].filter((one) => one !== ""),
  };
}

export function readCapturedHeaders(reader: SettingReader): CapturedHeaders {
  const names = (side: string, message: string): readonly string[] => {
    const setting = `OTEL_INSTRUMENTATION_HTTP_${side}_CAPTURE_${message}_HEADERS`;
    const parse = (name: string): string | undefined => (HEADER_NAME.test(name) ? name.toLowerCase() : undefined);
    return [...new Set(readMembers(reader, setting, parse, "a header's name"))];
  };
  return {
    server: { request: names("SERVER", "REQUEST"), response: names("SERVER", "RESPONSE") },
    client: { request: names("CLIENT", "REQUEST"), response: names("CLIENT", "RESPONSE") },
  };
}

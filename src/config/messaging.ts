// Reads the settings of message queues.
import type { MessagingConfig, MessagingMode } from "./config.ts";
import { type SettingReader, readMembers } from "./reader.ts";

const MODES: ReadonlySet<string> = new Set<MessagingMode>(["auto", "parent", "link", "both"]);

export function readMessaging(reader: SettingReader): MessagingConfig {
  let mode: MessagingMode = "auto";
  const modes: Record<string, MessagingMode> = {};
  const parse = (text: string): readonly [system: string | undefined, mode: MessagingMode] | undefined => {
    const [first = "", second, ...rest] = text.toLowerCase().split("=");
    const [system, named] = second === undefined ? [undefined, first] : [first, second];
    return rest.length === 0 && system !== "" && MODES.has(named) ? [system, named as MessagingMode] : undefined;
  };
  const form = "auto, parent, link, both, or system=mode";
  for (const [system, named] of readMembers(reader, "REDTRAIL_MESSAGING_MODE", parse, form)) {
    if (system === undefined) mode = named;
    else modes[system] = named;
  }
  return {
    mode,
    modes,
    linkAfterMs: reader.get("REDTRAIL_MESSAGING_LINK_AFTER") as number,
    redisStreams: (reader.get("REDTRAIL_MESSAGING_REDIS_STREAMS") ?? []) as readonly string[],
  };
}

// What the readers of the groups of settings share.
import type { SettingValue } from "./parse.ts";

/** RFC 9110, 5.6.2. */
export const HEADER_NAME: RegExp = /^[!#$%&'*+.^_`|~\w-]+$/;

export interface SettingReader {
  readonly problems: string[];
  /** The value of a setting, or its default; undefined where it is unset and has no default. */
  get(name: string, values?: readonly string[]): SettingValue | undefined;
  isSet(name: string): boolean;
}

/** A bad member is left out, and the others stay. */
export function readMembers<Value>(
  reader: SettingReader,
  name: string,
  parse: (text: string) => Value | undefined,
  form: string,
): Value[] {
  const members = (reader.get(name) ?? []) as readonly string[];
  return members.flatMap((member) => {
    const value = parse(member);
    if (value !== undefined) return [value];
    reader.problems.push(`${name}="${members.join(",")}" holds "${member}", which is not ${form}; it is left out`);
    return [];
  });
}

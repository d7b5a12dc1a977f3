// The header `tracestate`: https://www.w3.org/TR/trace-context-2/#tracestate-header
import type { TraceState } from "@opentelemetry/api";

const MAX_MEMBERS = 32;
const KEY = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

type Member = readonly [key: string, value: string];

/** Unlike upstream's, of level 2; and one member that is not valid takes the whole header with it, as section 3.3.1 says. */
export class W3CTraceState implements TraceState {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** Undefined when the header is empty, not valid, or longer than 32 members. */
  static parse(header: string): W3CTraceState | undefined {
    const members = new Map<string, string>();
    let count = 0;
    for (const part of header.split(",", 2 * MAX_MEMBERS + 2)) {
      const member = part.replace(/^[ \t]+|[ \t]+$/g, "");
      if (member === "") continue;
      const equals = member.indexOf("=");
      const key = member.slice(0, Math.max(equals, 0));
      const value = member.slice(equals + 1);
      if (++count > MAX_MEMBERS || !isMember(key, value)) return undefined;
      if (!members.has(key)) members.set(key, value);
    }
    return members.size === 0 ? undefined : new W3CTraceState([...members]);
  }

  get(key: string): string | undefined {
    return this.#members.find(([name]) => name === key)?.[1];
  }

  /** In front, where the newest belongs; the oldest falls off beyond 32. What is not valid changes nothing. */
  set(key: string, value: string): W3CTraceState {
    if (!isMember(key, value)) return this;
    return new W3CTraceState([[key, value] as const, ...this.#without(key)].slice(0, MAX_MEMBERS));
  }

  unset(key: string): W3CTraceState {
    return new W3CTraceState(this.#without(key));
  }

  serialize(): string {
    return this.#members.map(([key, value]) => `${key}=${value}`).join(",");
  }

  #without(key: string): Member[] {
    return this.#members.filter(([name]) => name !== key);
  }
}

function isMember(key: string, value: string): boolean {
  return KEY.test(key) && VALUE.test(value);
}

// Replaces what the user's own patterns match. RE2 (re2js) and not RegExp: the time of a search grows with the text alone, never
// with how pattern and text play together. In a file of its own after the build, read only where there are patterns.
// https://github.com/google/re2/wiki/Syntax
import { RE2JS } from "re2js";
import { REDACTED } from "./urls.ts";

export interface CompiledPatterns {
  readonly replace: (text: string) => string;
  /** What cannot be used, and is left out; the reason follows on the pattern in a sentence. */
  readonly refused: readonly { readonly pattern: string; readonly reason: string }[];
}

/**
 * Each match is a search, and one may look at the whole rest of the text (`a.*b|a`): so many characters in all, at most. From the
 * match on that would go beyond, the rest of the text is replaced as a whole; a text of 16 KiB may have 64 matches, one of 1 MiB a single one.
 */
const MAX_SEARCHED = 1_048_576;
const MIN_MATCHES = 1;

export function compilePatterns(patterns: readonly string[]): CompiledPatterns {
  const compiled: RE2JS[] = [];
  const refused: { pattern: string; reason: string }[] = [];
  for (const pattern of patterns) {
    try {
      const expression = RE2JS.compile(pattern);
      if (expression.test("")) refused.push({ pattern, reason: "matches where there is nothing" });
      else compiled.push(expression);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      refused.push({ pattern, reason: `is not one that RE2 can read (${message})` });
    }
  }
  return { replace: (text) => compiled.reduce(replaceMatches, text), refused };
}

function replaceMatches(text: string, expression: RE2JS): string {
  // Asking first takes the fast path, on which most texts end.
  if (!expression.test(text)) return text;
  const matcher = expression.matcher(text);
  let out = "";
  let copied = 0;
  let matchesLeft = Math.max(MIN_MATCHES, Math.floor(MAX_SEARCHED / text.length));
  while (matcher.find()) {
    const start = matcher.start();
    if (--matchesLeft < 0) return out + text.slice(copied, start) + REDACTED;
    // A match of nothing (`\b`) hides nothing.
    if (start === matcher.end()) continue;
    out += text.slice(copied, start) + REDACTED;
    copied = matcher.end();
  }
  return copied === 0 ? text : out + text.slice(copied);
}

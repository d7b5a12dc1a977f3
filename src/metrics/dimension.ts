// Labels of one's own on the span metrics: an attribute of the span, else of the resource, else a default. Pure.

export interface Dimension {
  readonly key: string;
  /** For spans and resources that lack the attribute; without it they lack the label. */
  readonly fallback: string | undefined;
  /** The one of the two metrics that has it; undefined is both. */
  readonly only: "calls" | "duration" | undefined;
}

/** `key`, `key=default`, `key@calls`, `key=default@duration`; undefined if it is none of these. */
export function parseDimension(text: string): Dimension | undefined {
  const match = /^([^=@\s]+)(?:=([^@]*))?(?:@(calls|duration))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, key = "", fallback, only] = match;
  return { key, fallback, only: only as Dimension["only"] };
}

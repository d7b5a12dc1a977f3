// Which HTTP answers count as errors, where a setting says otherwise than the span's status. Pure.

export interface ErrorClass {
  readonly kind: "server" | "client";
  /** Inclusive. */
  readonly from: number;
  readonly to: number;
}

/** `server:5xx`, `client:429`; undefined if it is neither. */
export function parseErrorClass(text: string): ErrorClass | undefined {
  const match = /^(server|client):([1-5])(xx|\d\d)$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, kind = "", hundreds, rest = ""] = match;
  const isClass = rest.toLowerCase() === "xx";
  const from = Number(hundreds) * 100 + (isClass ? 0 : Number(rest));
  return { kind: kind.toLowerCase() as ErrorClass["kind"], from, to: isClass ? from + 99 : from };
}

/** Undefined for a kind that no class names: there the span's status decides. */
export function createErrorTest(
  classes: readonly ErrorClass[],
  kind: ErrorClass["kind"],
): ((statusCode: number) => boolean) | undefined {
  const own = classes.filter((one) => one.kind === kind);
  return own.length === 0 ? undefined : (code) => own.some(({ from, to }) => code >= from && code <= to);
}

/** Whether an attribute may be a status code at all. */
export function isCode(value: unknown): value is number | string {
  return typeof value === "number" || typeof value === "string";
}

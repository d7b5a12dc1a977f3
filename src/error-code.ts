/** `ECONNREFUSED`, `ENOENT`: Node's code where there is one, else the error's name. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

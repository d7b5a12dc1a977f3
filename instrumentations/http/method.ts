// The request method as a bounded attribute.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/ ("http.request.method")

const KNOWN = new Set(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"]);

/** `_OTHER` for what the conventions do not list, so that a caller cannot make series at will. */
export function knownMethod(method: string): string {
  return KNOWN.has(method) ? method : "_OTHER";
}

/** What a span's name begins with: the method, or `HTTP` for an unknown one. */
export function methodInName(method: string): string {
  return method === "_OTHER" ? "HTTP" : method;
}

// Writes propagation headers onto an outgoing node:http request.
import { type ClientRequest, validateHeaderName, validateHeaderValue } from "node:http";
import type { TextMapSetter } from "@opentelemetry/api";

/** Node's rendered header block, there already when the app gave its headers as an array or asked for `Expect`. */
type Rendered = ClientRequest & { _header?: string | null };

/** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
export function createRequestHeaderSetter(requestIdHeader: string): TextMapSetter<ClientRequest> {
  return {
    set(request: Rendered, key, value) {
      if (typeof request._header === "string") {
        request._header = withHeader(request._header, key, value, key === requestIdHeader);
      } else if (key !== requestIdHeader || !request.hasHeader(key)) {
        request.setHeader(key, value);
      }
    },
  };
}

/** The block with the header in place of all of its name; `isKept`: unless there is one. */
function withHeader(block: string, key: string, value: string, isKept: boolean): string {
  // As setHeader does; here nobody else would.
  validateHeaderName(key);
  validateHeaderValue(key, value);
  const prefix = `${key.toLowerCase()}:`;
  // "GET / HTTP/1.1", headers, and the two ends of the empty line.
  const lines = block.split("\r\n");
  const others = lines.filter((line, index) => index === 0 || !line.toLowerCase().startsWith(prefix));
  if (isKept && others.length < lines.length) return block;
  others.splice(-2, 0, `${key}: ${value}`);
  return others.join("\r\n");
}

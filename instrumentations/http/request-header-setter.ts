// Writes propagation headers onto an outgoing node:http request.
import type { ClientRequest } from "node:http";
import type { TextMapSetter } from "@opentelemetry/api";

/** Node's rendered header block, there already when the app gave its headers as an array or asked for `Expect`. */
type Rendered = ClientRequest & { _header?: string | null };

/** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
export function createRequestHeaderSetter(requestIdHeader: string): TextMapSetter<ClientRequest> {
  return {
    set(request: Rendered, key, value) {
      if (typeof request._header === "string") {
        setRendered(request, request._header, key, value, key === requestIdHeader);
      } else if (key !== requestIdHeader || !request.hasHeader(key)) {
        request.setHeader(key, value);
      }
    },
  };
}

function setRendered(request: Rendered, header: string, key: string, value: string, isKept: boolean): void {
  const lower = header.toLowerCase();
  const start = lower.indexOf(`\r\n${key}:`);
  if (start >= 0 && isKept) return;
  const end = start < 0 ? header.length - 2 : start + 2;
  const rest = start < 0 ? "\r\n" : header.slice(header.indexOf("\r\n", end) + 2);
  request._header = `${header.slice(0, end)}${key}: ${value}\r\n${rest}`;
}

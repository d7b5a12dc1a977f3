// Writes propagation headers onto an outgoing node:http request.
import type { ClientRequest } from "node:http";
import type { TextMapSetter } from "@opentelemetry/api";
import { REQUEST_ID_HEADER } from "../../src/propagators/request-id.ts";

/** Node's rendered header block, there already when the app gave its headers as an array or asked for `Expect`. */
type Rendered = ClientRequest & { _header?: string | null };

/** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
export const requestHeaderSetter: TextMapSetter<ClientRequest> = {
  set(request: Rendered, key, value) {
    if (typeof request._header === "string") {
      setRendered(request, request._header, key, value);
    } else if (key !== REQUEST_ID_HEADER || !request.hasHeader(key)) {
      request.setHeader(key, value);
    }
  },
};

function setRendered(request: Rendered, header: string, key: string, value: string): void {
  const lower = header.toLowerCase();
  const start = lower.indexOf(`\r\n${key}:`);
  if (start >= 0 && key === REQUEST_ID_HEADER) return;
  const end = start < 0 ? header.length - 2 : start + 2;
  const rest = start < 0 ? "\r\n" : header.slice(header.indexOf("\r\n", end) + 2);
  request._header = `${header.slice(0, end)}${key}: ${value}\r\n${rest}`;
}

// Writes propagation headers onto an outgoing node:http request.
import { type ClientRequest, validateHeaderName, validateHeaderValue } from "node:http";
import type { TextMapSetter } from "@opentelemetry/api";
import { createTraceFields } from "../../src/propagators/trace-fields.ts";

/** Node's rendered header block, there already when the app gave its headers as an array or asked for `Expect`. */
type Rendered = ClientRequest & { _header?: string | null };

export interface RequestHeaders {
  /** Takes those away that name another trace. */
  clear(request: ClientRequest): void;
  /** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
  readonly setter: TextMapSetter<ClientRequest>;
}

export function createRequestHeaders(requestIdHeader: string): RequestHeaders {
  const traceFields = createTraceFields();
  return {
    clear(request: Rendered) {
      if (typeof request._header === "string") {
        request._header = without(request._header, traceFields()).join("\r\n");
        return;
      }
      for (const field of traceFields()) if (request.hasHeader(field)) request.removeHeader(field);
    },
    setter: {
      set(request: Rendered, key, value) {
        if (typeof request._header === "string") {
          request._header = withHeader(request._header, key, value, key === requestIdHeader);
        } else if (key !== requestIdHeader || !request.hasHeader(key)) {
          request.setHeader(key, value);
        }
      },
    },
  };
}

/** The block with the header in place of all of its name; `isKept`: unless there is one. */
function withHeader(block: string, key: string, value: string, isKept: boolean): string {
  // As setHeader does; here nobody else would.
  validateHeaderName(key);
  validateHeaderValue(key, value);
  const others = without(block, [key.toLowerCase()]);
  if (isKept && others.join("\r\n").length < block.length) return block;
  others.splice(-2, 0, `${key}: ${value}`);
  return others.join("\r\n");
}

/** "GET / HTTP/1.1", headers, and the two ends of the empty line. */
function without(block: string, names: readonly string[]): string[] {
  const [first = "", ...rest] = block.split("\r\n");
  return [
    first,
    ...rest.filter((line) => !names.includes(line.slice(0, Math.max(line.indexOf(":"), 0)).toLowerCase())),
  ];
}

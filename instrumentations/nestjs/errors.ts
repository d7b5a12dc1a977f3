// NestJS 10 to 12: its routes are those of the Express or Fastify below it, but what a handler throws never gets there.
import type { IncomingMessage } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";

interface ArgumentsHost {
  /** The first is Express's request, or Fastify's around it; of GraphQL and the like something else. */
  getArgByIndex(index: 0): IncomingMessage | { readonly raw: IncomingMessage } | undefined;
}
interface ExceptionFilter {
  catch(this: ExceptionFilter, exception: unknown, host: ArgumentsHost): unknown;
}

export function instrumentNest({ modules }: Pick<InstrumentationHost, "modules">): void {
  modules.watch("@nestjs/core", (exports, { file }) => {
    if (file === "")
      watchFilter(exportOf<{ readonly prototype: ExceptionFilter }>(exports, "BaseExceptionFilter")?.prototype);
  });
}

/** The filter of all that no filter of the app's takes. */
function watchFilter(filter: ExceptionFilter | undefined): void {
  const { catch: answer } = filter ?? {};
  if (filter === undefined || typeof answer !== "function") {
    log.warn("this version of NestJS is not known (10 to 12 are); its errors have no message in traces");
    return;
  }
  filter.catch = function noteAndCatch(exception, host) {
    const request = host.getArgByIndex(0);
    if (typeof request === "object" && request !== null)
      serverRequestOf("raw" in request ? request.raw : request)?.noteError(exception);
    return answer.call(this, exception, host);
  };
}

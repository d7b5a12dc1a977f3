// NestJS 10 to 12: its routes are those of the Express or Fastify below it; here is what does not get there, errors and "not found".
import type { IncomingMessage } from "node:http";
import { log } from "../../src/diagnostics/log.ts";
import { serverRequestOf } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";

interface ArgumentsHost {
  /** The first is Express's request, or Fastify's around it; of GraphQL and the like something else. */
  getArgByIndex(index: 0): { readonly raw?: IncomingMessage | null } | null | undefined;
}
interface ExceptionFilter {
  catch(this: ExceptionFilter, exception: unknown, host: ArgumentsHost): unknown;
}
type Handler = (request: IncomingMessage, ...rest: unknown[]) => unknown;
interface ExpressAdapter {
  setNotFoundHandler(this: ExpressAdapter, handler: Handler, ...rest: unknown[]): unknown;
}
interface Class<Instance> {
  readonly prototype: Instance;
}

export function instrumentNest({ modules }: Pick<InstrumentationHost, "modules">): void {
  modules.watch("@nestjs/core", (exports, { file }) => {
    if (file === "") watchErrors(exportOf<Class<ExceptionFilter>>(exports, "BaseExceptionFilter")?.prototype);
  });
  modules.watch("@nestjs/platform-express", (exports, { file }) => {
    if (file === "") watchNotFound(exportOf<Class<ExpressAdapter>>(exports, "ExpressAdapter")?.prototype);
  });
}

/** The filter answers to all that no filter of the app's takes. */
function watchErrors(filter: ExceptionFilter | undefined): void {
  const { catch: answer } = filter ?? {};
  if (filter === undefined || typeof answer !== "function") {
    log.warn("this version of NestJS is not known (10 to 12 are); its errors have no message in traces");
    return;
  }
  filter.catch = function noteAndCatch(exception, host) {
    const request = host.getArgByIndex(0);
    // An app may keep something of its own under `raw` on Express's.
    (serverRequestOf(request) ?? serverRequestOf(request?.raw))?.noteError(exception);
    return answer.call(this, exception, host);
  };
}

/** With a global prefix Nest's own "Cannot GET /x" is a route of Express, `/api*path`. */
function watchNotFound(adapter: ExpressAdapter | undefined): void {
  const { setNotFoundHandler } = adapter ?? {};
  if (adapter === undefined || typeof setNotFoundHandler !== "function") {
    log.warn("this version of NestJS is not known (10 to 12 are); requests that match nothing may have a route");
    return;
  }
  adapter.setNotFoundHandler = function setForgettingHandler(handler, ...rest) {
    return setNotFoundHandler.call(
      this,
      function forgetAndHandle(request, ...others) {
        const state = serverRequestOf(request);
        if (state !== undefined) state.route = undefined;
        return handler(request, ...others);
      },
      ...rest,
    );
  };
}

// Runs a fixture of test/fixtures/clients with redtrail and without: what the app gets must be the same.
import { createRequire } from "node:module";
import { join } from "node:path";
import { libraryFolder } from "../../scripts/servers/libraries.ts";
import { FIXTURES, type RunningApp, runApp, spawnApp } from "./run-app.ts";
import { type ZipkinSpan, startZipkin } from "./zipkin.ts";

export interface ClientRun {
  /** By the name of the case: what the app got, as JSON. */
  readonly answers: Readonly<Record<string, string>>;
  /** All but the SERVER spans of the HTTP requests to the app. */
  readonly spans: readonly ZipkinSpan[];
  /** Of the requests to the app: one for each case, with the request id `id-<case>`. */
  readonly requests: ReadonlyMap<string, ZipkinSpan>;
  readonly scrape: string;
  readonly stderr: string;
}

export interface ClientOptions {
  /** A file of test/fixtures/clients, without its ending. */
  readonly client: string;
  /** `mysql2@2`: of scripts/servers/libraries.ts. @default the one of package.json */
  readonly library?: string | undefined;
  readonly isModule?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);

export function casesOf(client: string): string[] {
  const { cases } = require(join(FIXTURES, "clients", `${client}.cjs`)) as { cases: object };
  return Object.keys(cases);
}

function programOf({ client, library, isModule = false }: ClientOptions): string[] {
  const app = join(FIXTURES, `clients-app.${isModule ? "mjs" : "cjs"}`);
  return library === undefined ? [app, client] : [app, client, libraryFolder(library)];
}

export async function runClient(options: ClientOptions): Promise<ClientRun> {
  const zipkin = await startZipkin();
  const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, ...options.env };
  const app = await runApp({ app: programOf(options), env });
  try {
    const answers = await ask(app.url, options.client);
    const scrape = await app.scrape();
    await fetch(`${app.url}/close`, { headers: { "x-request-id": "id-close" } });
    await app.stop();
    const isRequest = ({ kind, tags }: ZipkinSpan): boolean => kind === "SERVER" && tags["url.path"] !== undefined;
    const requests = zipkin.spans
      .filter(isRequest)
      .map((span) => [span.tags["url.path"]?.slice(1) ?? "", span] as const);
    return {
      answers,
      spans: zipkin.spans.filter((span) => !isRequest(span)),
      requests: new Map(requests),
      scrape,
      stderr: app.stderr(),
    };
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
}

/** The same without redtrail. */
export async function runClientAlone(options: ClientOptions): Promise<Readonly<Record<string, string>>> {
  const app = spawnApp({ app: programOf(options), nodeArgs: [] });
  try {
    return await ask(await listening(app), options.client);
  } finally {
    await app.stop("SIGKILL");
  }
}

async function ask(url: string, client: string): Promise<Readonly<Record<string, string>>> {
  const answers: Record<string, string> = {};
  for (const name of casesOf(client)) {
    const headers = { "x-request-id": `id-${name}` };
    const response = await fetch(`${url}/${name}`, { headers, signal: AbortSignal.timeout(20_000) });
    answers[name] = comparable(await response.text());
  }
  return answers;
}

/** Without what differs from run to run: times and ports. */
function comparable(answer: string): string {
  return answer.replaceAll(/after \d.*?(?=")/g, "after").replaceAll(/127\.0\.0\.1:\d{4,5}/g, "127.0.0.1");
}

async function listening(app: Pick<RunningApp, "stdout" | "stderr">): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    const url = /listening (\S+)/.exec(app.stdout())?.[1];
    if (url !== undefined) return url;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`the app does not listen\n${app.stderr()}`);
}

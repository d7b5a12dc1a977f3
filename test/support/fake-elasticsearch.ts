// Takes what Elasticsearch's bulk API takes, refuses an id that it has (409), and lets a test wait for documents.
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

export interface IndexedDocument {
  readonly action: Readonly<Record<string, unknown>>;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface FakeElasticsearch {
  readonly url: string;
  /** By `_id`. */
  readonly documents: Map<string, IndexedDocument>;
  readonly authorizations: Set<string | undefined>;
  /** How often a document came that was there already. */
  readonly repeated: () => number;
  until(isEnough: (server: FakeElasticsearch) => boolean, timeoutMs?: number): Promise<void>;
}

export interface BulkHandler extends Pick<FakeElasticsearch, "documents" | "authorizations" | "repeated"> {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export function createBulkHandler(): BulkHandler {
  const documents = new Map<string, IndexedDocument>();
  const authorizations = new Set<string | undefined>();
  let repeated = 0;

  function index(text: string): object {
    const lines = text.trimEnd().split("\n");
    const items: object[] = [];
    for (let i = 0; i < lines.length; i += 2) {
      const { create } = JSON.parse(lines[i] as string) as { create: Record<string, unknown> };
      const id = String(create["_id"] ?? `auto-${documents.size}`);
      const isNew = !documents.has(id);
      if (isNew) documents.set(id, { action: create, document: JSON.parse(lines[i + 1] as string) as never });
      else repeated++;
      items.push({ create: { status: isNew ? 201 : 409 } });
    }
    return { errors: items.some((item) => JSON.stringify(item).includes("409")), items };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    authorizations.add(request.headers.authorization);
    const body = await readBody(request);
    // What else may come is the index template.
    const answer = request.method === "POST" ? JSON.stringify(index(body)) : '{"acknowledged":true}';
    response.writeHead(200, { "content-type": "application/json" }).end(answer);
  }

  return { documents, authorizations, repeated: () => repeated, handle };
}

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
}

export async function startElasticsearch(t: TestContext): Promise<FakeElasticsearch> {
  const { handle, ...state } = createBulkHandler();
  const server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const self: FakeElasticsearch = {
    ...state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async until(isEnough, timeoutMs = 10_000) {
      const deadline = performance.now() + timeoutMs;
      while (!isEnough(self)) {
        if (performance.now() > deadline)
          throw new Error(`not the documents that were waited for: ${state.documents.size}`);
        await wait(20);
      }
    },
  };
  return self;
}

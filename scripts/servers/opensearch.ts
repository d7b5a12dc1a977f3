// OpenSearch, in the same way as Elasticsearch.
import { join } from "node:path";
import { SERVERS, startServer } from "./process.ts";
import { type SearchServer, searchCommand, searchUrl } from "./search.ts";

export const OPENSEARCH: SearchServer = {
  name: "opensearch",
  version: "2.19.6",
  artifact: "org.opensearch.distribution.integ-test-zip:opensearch:2.19.6:zip",
  port: 9211,
};
export const OPENSEARCH_URL: string = searchUrl(OPENSEARCH);

export async function startOpenSearch(): Promise<void> {
  const { command, args, env } = await searchCommand(OPENSEARCH, OPENSEARCH.port, join(SERVERS, "opensearch", "node"));
  await startServer({
    name: "opensearch",
    command,
    args,
    env,
    healthUrl: `${OPENSEARCH_URL}/_cluster/health`,
    timeoutMs: 120_000,
  });
}

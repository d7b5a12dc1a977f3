// Elasticsearch, by the distribution that its plug-in authors test with: no Docker, Java 17.
import { join } from "node:path";
import { SERVERS, startServer } from "./process.ts";
import { type SearchServer, searchCommand, searchUrl } from "./search.ts";

export const ELASTICSEARCH: SearchServer = {
  name: "elasticsearch",
  version: "8.19.21",
  artifact: "org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.21:zip",
  port: 9210,
};
export const ELASTICSEARCH_URL: string = searchUrl(ELASTICSEARCH);

export async function startElasticsearch(): Promise<void> {
  const { command, args, env } = await searchCommand(
    ELASTICSEARCH,
    ELASTICSEARCH.port,
    join(SERVERS, "elasticsearch", "node"),
  );
  await startServer({
    name: "elasticsearch",
    command,
    args,
    env,
    healthUrl: `${ELASTICSEARCH_URL}/_cluster/health`,
    timeoutMs: 120_000,
  });
}

// Elasticsearch, by the distribution that its plug-in authors test with: no Docker, Java 17.
import { rmSync } from "node:fs";
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
  const node = join(SERVERS, "elasticsearch", "node");
  const { command, args, env } = await searchCommand(ELASTICSEARCH, ELASTICSEARCH.port, node);
  await startServer({
    name: "elasticsearch",
    command,
    args,
    env,
    // A data stream of an earlier run cannot be deleted: this distribution has no API for that.
    prepare: () => rmSync(join(node, "data"), { recursive: true, force: true }),
    healthUrl: `${ELASTICSEARCH_URL}/_cluster/health`,
    timeoutMs: 120_000,
  });
}

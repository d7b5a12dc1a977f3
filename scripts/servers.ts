// `npm run servers`: real servers for the tests and the demo, under .servers/. `npm run servers:stop` ends what this started.
import { startCassandra } from "./servers/cassandra.ts";
import { startFerretDb } from "./servers/ferretdb.ts";
import { provisionLibraries } from "./servers/libraries.ts";
import { startMariaDb } from "./servers/mariadb.ts";
import { startMemcached } from "./servers/memcached.ts";
import { startPostgreSql } from "./servers/postgresql.ts";
import { provisionPrometheus3, startPrometheus } from "./servers/prometheus.ts";
import { startRabbitMq } from "./servers/rabbitmq.ts";
import { startAws } from "./servers/aws.ts";
import { startElasticsearch } from "./servers/elasticsearch.ts";
import { startKafka } from "./servers/kafka.ts";
import { startOpenSearch } from "./servers/opensearch.ts";
import { startMosquitto } from "./servers/mosquitto.ts";
import { startNats } from "./servers/nats.ts";
import { startRedis } from "./servers/redis.ts";
import { provisionNodes } from "./servers/nodes.ts";
import { provisionPython } from "./servers/python.ts";
import { say, stopAll } from "./servers/process.ts";
import { provisionValkey } from "./servers/valkey.ts";
import { startZipkin } from "./servers/zipkin.ts";

const commands: Record<string, () => Promise<void>> = {
  /** All side by side: they wait for downloads, for builds, and for each other's start. */
  async start() {
    const starting = [
      // The longest first.
      provisionPrometheus3(),
      startFerretDb(),
      startZipkin(),
      startElasticsearch(),
      startOpenSearch(),
      startKafka(),
      startCassandra(),
      startAws(),
      provisionNodes().then(provisionLibraries),
      provisionPython(),
      provisionValkey(),
      startPrometheus(),
      startRedis(),
      startRabbitMq(),
      startNats(),
      startMosquitto(),
      startPostgreSql(),
      startMariaDb(),
      startMemcached(),
    ];
    const failed = (await Promise.allSettled(starting)).filter((one) => one.status === "rejected");
    if (failed.length > 0) throw new Error(failed.map(({ reason }) => String(reason)).join("\n"));
    say("ready; `npm run servers:stop` ends what this started");
  },
  async stop() {
    await stopAll();
  },
};

const command = commands[process.argv[2] ?? "start"];
if (command === undefined) {
  console.error("usage: node scripts/servers.ts start|stop");
  process.exitCode = 2;
} else {
  await command().catch((error: unknown) => {
    console.error(`servers: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}

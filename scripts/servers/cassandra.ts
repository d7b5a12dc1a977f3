// Apache Cassandra, from Maven Central, on Java 17: one node in 512 MB.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, maven, say, startServer } from "./process.ts";

export const CASSANDRA_PORT = 9_044;
const VERSION = "5.0.6";
const FOLDER = join(SERVERS, "cassandra");
const LIBRARIES = join(FOLDER, VERSION);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>redtrail</groupId><artifactId>cassandra</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>${VERSION}</version>
  </dependency></dependencies>
</project>
`;

const CONFIG = `cluster_name: redtrail
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
data_file_directories: [${FOLDER}/data/data]
commitlog_directory: ${FOLDER}/data/commitlog
saved_caches_directory: ${FOLDER}/data/saved_caches
hints_directory: ${FOLDER}/data/hints
cdc_raw_directory: ${FOLDER}/data/cdc
commitlog_sync: periodic
commitlog_sync_period: 10s
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{ seeds: "127.0.0.1:17090" }]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: 17090
native_transport_port: ${CASSANDRA_PORT}
memtable_heap_space: 32MiB
memtable_offheap_space: 32MiB
file_cache_size: 32MiB
`;

const LOGGING = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %c{0} %m%n</pattern></encoder></appender>
  <root level="WARN"><appender-ref ref="OUT" /></root>
</configuration>
`;

/** What its own start script opens and exports to it. */
const EXPORTS = [
  ...["java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/java.lang.ref"],
  ...["java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server"],
  ...["java.rmi/sun.rmi.transport", "java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql"],
];
const OPENS = [
  ...["java.io", "java.lang", "java.lang.module", "java.lang.reflect", "java.math", "java.net", "java.nio"],
  ...["java.nio.charset", "java.nio.file.spi", "java.util", "java.util.concurrent", "java.util.concurrent.atomic"],
  ...["jdk.internal.loader", "jdk.internal.math", "jdk.internal.module", "jdk.internal.ref", "jdk.internal.reflect"],
  ...["jdk.internal.util.jar", "jdk.internal.vm", "sun.nio.ch", "sun.nio.fs"],
].map((name) => `java.base/${name}`);
const MORE_OPENS = ["java.management/com.sun.jmx.mbeanserver", "jdk.management/com.sun.management.internal"];

export async function startCassandra(): Promise<void> {
  const config = join(FOLDER, "config");
  mkdirSync(config, { recursive: true });
  mkdirSync(join(FOLDER, "data"), { recursive: true });
  if (!existsSync(LIBRARIES)) {
    say(`fetching Cassandra ${VERSION} from Maven Central (70 MB)`);
    const pom = join(FOLDER, "pom.xml");
    writeFileSync(pom, POM);
    await maven("-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${LIBRARIES}`);
  }
  writeFileSync(join(config, "cassandra.yaml"), CONFIG);
  writeFileSync(join(config, "logback.xml"), LOGGING);
  await startServer({
    name: "cassandra",
    command: "java",
    args: [
      ...["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Djdk.attach.allowAttachSelf=true"],
      ...[`-Dcassandra.config=file://${config}/cassandra.yaml`, `-Dcassandra.storagedir=${FOLDER}/data`],
      // Waits for other nodes, of which there are none.
      ...["-Dcassandra.ring_delay_ms=0", "-Dcassandra.skip_wait_for_gossip_to_settle=0"],
      ...["-Dcassandra-foreground=yes", "-Dcassandra.jmx.local.port=7190"],
      ...EXPORTS.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
      ...[...OPENS, ...MORE_OPENS].flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
      ...["-cp", `${config}:${LIBRARIES}/*`, "org.apache.cassandra.service.CassandraDaemon"],
    ],
    healthUrl: `tcp://127.0.0.1:${CASSANDRA_PORT}`,
    timeoutMs: 90_000,
  });
}

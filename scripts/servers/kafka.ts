// Apache Kafka, from Maven Central, on Java 17: one node that is broker and controller (KRaft).
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, maven, run, say, startServer } from "./process.ts";

const VERSION = "4.1.0";
const FOLDER = join(SERVERS, "kafka");
const JARS = join(FOLDER, `jars-${VERSION}`);
const DATA = join(FOLDER, "data");
export const KAFKA_PORT = 9192;
const CONTROLLER_PORT = KAFKA_PORT + 1;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>redtrail</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
`;
const LOGGING = `<Configuration status="WARN">
  <Appenders><Console name="console"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
`;
const PROPERTIES = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${CONTROLLER_PORT}
listeners=PLAINTEXT://127.0.0.1:${KAFKA_PORT},CONTROLLER://127.0.0.1:${CONTROLLER_PORT}
advertised.listeners=PLAINTEXT://127.0.0.1:${KAFKA_PORT}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${DATA}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.partitions=1
`;

export async function startKafka(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const file = (name: string, text: string): string => {
    const path = join(FOLDER, name);
    writeFileSync(path, text);
    return path;
  };
  if (!existsSync(JARS)) {
    say(`fetching Kafka ${VERSION} from Maven Central (43 MB)`);
    const pom = file("pom.xml", POM);
    await maven("-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${JARS}`);
  }
  const logging = `-Dlog4j2.configurationFile=${file("log4j2.xml", LOGGING)}`;
  const properties = file("server.properties", PROPERTIES);
  const classPath = join(JARS, "*");
  if (!existsSync(join(DATA, "meta.properties"))) {
    const clusterId = randomBytes(16).toString("base64url");
    await run(
      "java",
      ["-cp", classPath, logging, "kafka.tools.StorageTool", "format", "-t", clusterId, "-c", properties],
      {
        hint: "Kafka needs Java 17 or later; on Debian: apt-get install openjdk-17-jre-headless",
      },
    );
  }
  await startServer({
    name: "kafka",
    command: "java",
    args: ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-cp", classPath, logging, "kafka.Kafka", properties],
    healthUrl: `tcp://127.0.0.1:${KAFKA_PORT}`,
    timeoutMs: 90_000,
  });
}

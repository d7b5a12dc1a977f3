// Zipkin, from Maven Central, on Java 17.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, maven, say, startServer } from "./process.ts";

const VERSION = "3.6.1";
const FOLDER = join(SERVERS, "zipkin");
export const ZIPKIN_URL = "http://127.0.0.1:9411";
export const ZIPKIN_JAR: string = join(FOLDER, `zipkin-server-${VERSION}-exec.jar`);

export async function startZipkin(): Promise<void> {
  requireJava17();
  if (!existsSync(ZIPKIN_JAR)) {
    mkdirSync(FOLDER, { recursive: true });
    say(`fetching Zipkin ${VERSION} from Maven Central (135 MB)`);
    const artifact = `-Dartifact=io.zipkin:zipkin-server:${VERSION}:jar:exec`;
    await maven("dependency:copy", artifact, `-DoutputDirectory=${FOLDER}`);
  }
  await startServer({
    name: "zipkin",
    command: "java",
    args: ["-Xmx512m", "-jar", ZIPKIN_JAR],
    env: { QUERY_PORT: "9411", STORAGE_TYPE: "mem", MEM_MAX_SPANS: "500000" },
    healthUrl: `${ZIPKIN_URL}/health`,
    timeoutMs: 120_000,
  });
}

/** `java -version` writes e.g. `openjdk version "17.0.15" 2025-04-15` to stderr. */
function requireJava17(): void {
  const { error, stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  const hint = "Zipkin needs Java 17 or later; on Debian: apt-get install openjdk-17-jre-headless";
  if (error !== undefined) throw new Error(`java cannot be run (${error.message}); ${hint}`);
  const version = /version "([^"]+)"/.exec(stderr)?.[1] ?? "unknown";
  if (!(Number.parseInt(version, 10) >= 17)) throw new Error(`java is version "${version}"; ${hint}`);
}

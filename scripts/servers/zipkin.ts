// Zipkin, from Maven Central, on Java 17.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, isInstalled, run, startServer } from "./process.ts";

const VERSION = "3.6.1";
const FOLDER = join(SERVERS, "zipkin");
export const ZIPKIN_URL = "http://127.0.0.1:9411";
export const ZIPKIN_JAR: string = join(FOLDER, `zipkin-server-${VERSION}-exec.jar`);

export async function startZipkin(): Promise<void> {
  if (!existsSync(ZIPKIN_JAR)) {
    mkdirSync(FOLDER, { recursive: true });
    console.log(`servers: fetching Zipkin ${VERSION} (135 MB)`);
    const artifact = `-Dartifact=io.zipkin:zipkin-server:${VERSION}:jar:exec`;
    run("mvn", ["-q", "-B", "dependency:copy", artifact, `-DoutputDirectory=${FOLDER}`], {
      hint: "Maven fetches Zipkin: install `maven` and see that it reaches Maven Central",
    });
  }
  if (!isInstalled("java")) throw new Error("java is not installed; Zipkin needs Java 17 or later");
  await startServer({
    name: "zipkin",
    command: "java",
    args: ["-Xmx512m", "-jar", ZIPKIN_JAR],
    env: { QUERY_PORT: "9411", STORAGE_TYPE: "mem", MEM_MAX_SPANS: "500000" },
    healthUrl: `${ZIPKIN_URL}/health`,
    timeoutMs: 120_000,
  });
}

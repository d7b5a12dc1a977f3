// Redis, from Debian's package.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, startServer } from "./process.ts";

export const REDIS_PORT = 6390;

export async function startRedis(): Promise<void> {
  await installPackages(["redis-server"], ["redis-server"]);
  const folder = join(SERVERS, "redis");
  mkdirSync(folder, { recursive: true });
  await startServer({
    name: "redis",
    command: "redis-server",
    args: ["--port", String(REDIS_PORT), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
    healthUrl: `tcp://127.0.0.1:${REDIS_PORT}`,
    timeoutMs: 20_000,
  });
}

// memcached, from Debian's package.
import { SERVERS, installPackages, startServer } from "./process.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "./user.ts";

export const MEMCACHED_PORT = 11_290;

export async function startMemcached(): Promise<void> {
  await installPackages(["memcached"], ["memcached"]);
  const folder = join(SERVERS, "memcached");
  mkdirSync(folder, { recursive: true });
  const [command, args] = asUser("nobody", folder, "memcached", [
    ...["-l", "127.0.0.1", "-p", String(MEMCACHED_PORT), "-U", "0", "-m", "16"],
  ]);
  await startServer({
    name: "memcached",
    command,
    args,
    healthUrl: `tcp://127.0.0.1:${MEMCACHED_PORT}`,
    timeoutMs: 10_000,
  });
}

// NATS with JetStream, from Debian's package.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, startServer } from "./process.ts";

export const NATS_PORT = 4390;

export async function startNats(): Promise<void> {
  await installPackages(["nats-server"], ["nats-server"]);
  const folder = join(SERVERS, "nats");
  mkdirSync(folder, { recursive: true });
  await startServer({
    name: "nats",
    command: "nats-server",
    args: ["--addr", "127.0.0.1", "--port", String(NATS_PORT), "--jetstream", "--store_dir", join(folder, "jetstream")],
    healthUrl: `tcp://127.0.0.1:${NATS_PORT}`,
    timeoutMs: 20_000,
  });
}

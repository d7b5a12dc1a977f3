// Mosquitto (MQTT 5), from Debian's package.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, startServer } from "./process.ts";

export const MOSQUITTO_PORT = 1890;

export async function startMosquitto(): Promise<void> {
  await installPackages(["mosquitto"], ["mosquitto"]);
  const folder = join(SERVERS, "mosquitto");
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "mosquitto.conf");
  // Without a file of its own it listens on 1883 too. Messages for a consumer that is away stay in memory.
  writeFileSync(config, `listener ${MOSQUITTO_PORT} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  await startServer({
    name: "mosquitto",
    command: "mosquitto",
    args: ["-c", config],
    healthUrl: `tcp://127.0.0.1:${MOSQUITTO_PORT}`,
    timeoutMs: 20_000,
  });
}

// RabbitMQ, from Debian's package.
import { chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, startServer } from "./process.ts";

export const RABBITMQ_PORT = 5690;
const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export async function startRabbitMq(): Promise<void> {
  await installPackages(["rabbitmq-server"], ["rabbitmqctl"]);
  const folder = join(SERVERS, "rabbitmq");
  mkdirSync(folder, { recursive: true });
  const [uid, gid] = rabbitUser();
  chownSync(folder, uid, gid);
  await startServer({
    name: "rabbitmq",
    command: "setpriv",
    args: [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", SERVER],
    env: {
      RABBITMQ_NODENAME: "redtrail@localhost",
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(RABBITMQ_PORT),
      RABBITMQ_DIST_PORT: "25690",
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      HOME: folder,
    },
    healthUrl: `tcp://127.0.0.1:${RABBITMQ_PORT}`,
    timeoutMs: 90_000,
  });
}

/** The package's own user, whom the server wants to be. */
function rabbitUser(): [uid: number, gid: number] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((text) => text.startsWith("rabbitmq:"));
  const [, , uid, gid] = (line ?? "").split(":").map(Number);
  if (!uid || !gid) throw new Error("there is no user rabbitmq; the package rabbitmq-server makes it");
  return [uid, gid];
}

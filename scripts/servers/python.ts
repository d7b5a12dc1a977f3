// Python's prometheus_client in an environment of its own: its parser of OpenMetrics is stricter than Prometheus'.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

const VERSION = "0.26.0";
const FOLDER = join(SERVERS, "python", `prometheus-client-${VERSION}`);

/** A Python that has prometheus_client. */
export const PYTHON: string = join(FOLDER, "bin/python3");

export async function provisionPython(): Promise<void> {
  if (existsSync(PYTHON)) return;
  say(`fetching Python's prometheus-client ${VERSION}`);
  const hint = "Python 3 with venv and pip fetches it (Debian: apt-get install python3-venv)";
  try {
    await run("python3", ["-m", "venv", FOLDER], { hint });
    await run(PYTHON, ["-m", "pip", "install", "-q", "--disable-pip-version-check", `prometheus-client==${VERSION}`], {
      hint,
    });
  } catch (error) {
    // Half an environment would be taken for a whole one.
    rmSync(FOLDER, { recursive: true, force: true });
    throw error;
  }
}

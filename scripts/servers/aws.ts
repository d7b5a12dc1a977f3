// SQS and SNS by moto, a server that does as AWS does, from PyPI.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say, startServer } from "./process.ts";

const VERSION = "5.2.5";
const FOLDER = join(SERVERS, "moto", `venv-${VERSION}`);
const SERVER = join(FOLDER, "bin/moto_server");
export const AWS_PORT = 5190;
export const AWS_URL: string = `http://127.0.0.1:${AWS_PORT}`;

export async function startAws(): Promise<void> {
  if (!existsSync(SERVER)) {
    say(`fetching moto ${VERSION} from PyPI`);
    const hint = "Python 3 with venv and pip fetches it (Debian: apt-get install python3-venv)";
    try {
      await run("python3", ["-m", "venv", FOLDER], { hint });
      // What `moto[server]` has beside these is for other services of AWS, and three times as large.
      const packages = [`moto==${VERSION}`, "flask==3.1.3", "flask-cors==6.0.5"];
      await run(
        join(FOLDER, "bin/python3"),
        ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages],
        {
          hint,
        },
      );
    } catch (error) {
      // Half an environment would be taken for a whole one.
      rmSync(FOLDER, { recursive: true, force: true });
      throw error;
    }
  }
  await startServer({
    name: "moto",
    command: SERVER,
    args: ["-H", "127.0.0.1", "-p", String(AWS_PORT)],
    healthUrl: `${AWS_URL}/moto-api/`,
    timeoutMs: 60_000,
  });
}

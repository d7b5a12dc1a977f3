// FerretDB 1 with SQLite, built from its Go module: it speaks MongoDB's protocol, and MongoDB itself is in no registry.
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, inTurnForGo, run, say, startServer } from "./process.ts";

export const FERRETDB_PORT = 27_090;
const VERSION = "v1.24.2";
const FOLDER = join(SERVERS, "ferretdb");
const PROGRAM = join(FOLDER, VERSION, "ferretdb");

export async function startFerretDb(): Promise<void> {
  if (!existsSync(PROGRAM)) await inTurnForGo(build);
  const data = join(FOLDER, "data");
  mkdirSync(data, { recursive: true });
  await startServer({
    name: "ferretdb",
    command: PROGRAM,
    args: [
      ...["--handler=sqlite", `--sqlite-url=file:${data}/`, `--state-dir=${FOLDER}`, "--telemetry=disable"],
      ...[`--listen-addr=127.0.0.1:${FERRETDB_PORT}`, "--debug-addr=-"],
    ],
    healthUrl: `tcp://127.0.0.1:${FERRETDB_PORT}`,
    timeoutMs: 30_000,
  });
}

/** From a copy of the module: its source wants a file with its version in it, which the module does not have. */
async function build(): Promise<void> {
  say("building FerretDB 1.24 (go build); this takes two minutes");
  const hint = "Go builds it from the Go module proxy";
  const module = `github.com/FerretDB/FerretDB@${VERSION}`;
  const { Dir } = JSON.parse(await run("go", ["mod", "download", "-json", module], { hint })) as { Dir: string };
  const source = join(FOLDER, "source");
  rmSync(source, { recursive: true, force: true });
  cpSync(Dir, source, { recursive: true });
  await run("chmod", ["-R", "u+w", source], { hint });
  writeFileSync(join(source, "build/version/version.txt"), VERSION);
  await run("nice", ["go", "build", "-buildvcs=false", "-o", PROGRAM, "./cmd/ferretdb"], { cwd: source, hint });
  rmSync(source, { recursive: true, force: true });
}

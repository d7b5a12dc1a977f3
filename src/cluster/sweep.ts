// Removes what leaders that were killed have left in the folder where workers meet.
import { readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { removeFile } from "./rendezvous.ts";

const OLDER_THAN_MS = 60_000;
/** More than that are for the next one. */
const MAX_FILES = 100;

/** Never throws. A process id tells nothing here: processes of other containers may share the folder. */
export function sweep(folder: string): void {
  try {
    for (const name of readdirSync(folder).slice(0, MAX_FILES)) {
      const path = join(folder, name);
      if (Date.now() - statSync(path).mtimeMs < OLDER_THAN_MS) continue;
      if (name.endsWith(".json")) removeFile(path);
      else if (name.endsWith(".sock")) removeIfNobodyListens(path);
    }
  } catch {
    // Somebody else has swept.
  }
}

function removeIfNobodyListens(path: string): void {
  const socket = connect(path);
  socket.unref();
  socket.once("connect", () => socket.destroy());
  socket.once("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "ECONNREFUSED") removeFile(path);
  });
}

// Servers that refuse to run as root run as the user that their package has made.
import { chownSync, readFileSync } from "node:fs";

/** The command and arguments that run a program as `user`, to whom `folder` is given; as they are where we are not root. */
export function asUser(
  user: string,
  folder: string,
  program: string,
  args: readonly string[],
): [command: string, args: string[]] {
  if (process.getuid?.() !== 0) return [program, [...args]];
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${user}:`));
  const [, , uid, gid] = (line ?? "").split(":").map(Number);
  if (!uid || !gid) throw new Error(`there is no user ${user}; the server's package makes it`);
  chownSync(folder, uid, gid);
  return ["setpriv", [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", program, ...args]];
}

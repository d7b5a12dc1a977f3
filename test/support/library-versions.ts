// Where other versions of libraries are than the ones of package.json: .servers/libraries/<name>@<version>/node_modules/<name>.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SERVERS } from "../../scripts/servers/process.ts";

const FOLDER = process.env["REDTRAIL_TEST_LIBRARIES"] ?? join(SERVERS, "libraries");

export const LACKS = "this version is not in .servers/libraries; `npm run servers` installs it";

/** What to require: the name itself for the installed version, a path for another; undefined where that is not installed. */
export function versionOf(name: string, version: string): string | undefined {
  if (version === name) return name;
  const path = join(FOLDER, version, "node_modules", name);
  return existsSync(path) ? path : undefined;
}

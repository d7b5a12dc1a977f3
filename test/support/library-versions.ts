// Where other versions of libraries are than the ones of package.json: .servers/libraries/<name>@<version>/node_modules/<name>.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder } from "../../scripts/servers/libraries.ts";
import { lacks } from "./servers.ts";

/** Another place for them, to try versions that are not provisioned. */
const elsewhere = process.env["REDTRAIL_TEST_LIBRARIES"];

/** For a test's `skip`: why it cannot run; in CI it fails instead. */
export function lacksLibrary(version: string): string {
  return lacks(`${version} is not in .servers/libraries (npm run servers)`);
}

/** What to require: the name itself for the installed version, a path for another; undefined where that is not installed. */
export function versionOf(name: string, version: string): string | undefined {
  if (version === name) return name;
  const folder = elsewhere === undefined ? libraryFolder(version) : join(elsewhere, version);
  const path = join(folder, "node_modules", name);
  return existsSync(path) ? path : undefined;
}

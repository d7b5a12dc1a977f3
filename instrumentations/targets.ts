// Which servers get headers of ours.
import { createGlobTest } from "../src/glob.ts";

/** By host, or host and port; the ones that REDTRAIL_PROPAGATION_TARGETS names. */
export function createTargetTest(targets: readonly string[]): (host: string, port: number | undefined) => boolean {
  if (targets.includes("*")) return () => true;
  const isTarget = createGlobTest(targets);
  return (host, port) => {
    // A full domain name ends with a dot.
    const name = host.toLowerCase().replace(/\.$/, "");
    return isTarget(name) || (port !== undefined && isTarget(`${name}:${port}`));
  };
}

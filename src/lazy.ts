// Synchronous loading of what most processes never need: a preload cannot await, and the app must not pay for it.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
/** The sources run as they are under Node 24; the build makes one CommonJS file of each of these. */
const isSource = import.meta.url.endsWith(".ts");

/** Starts the SDK; the public API needs it only for `start()`. */
export function loadMain(): typeof import("./main.ts") {
  return require(isSource ? "./main.ts" : "./main.cjs") as typeof import("./main.ts");
}

/** The user's own patterns, with a regular expression engine of 150 KB. */
export function loadRedactionPatterns(): typeof import("./redaction/patterns.ts") {
  return require(
    isSource ? "./redaction/patterns.ts" : "./redaction-patterns.cjs",
  ) as typeof import("./redaction/patterns.ts");
}

/** The engine on upstream's NodeSDK, with its hundreds of files. */
export function loadNodeSdkEngine(): typeof import("./engines/node-sdk.ts") {
  return require(
    isSource ? "./engines/node-sdk.ts" : "./engine-node-sdk.cjs",
  ) as typeof import("./engines/node-sdk.ts");
}

// Synchronous loading of what most processes never need: a preload cannot await, and the app must not pay for it.
import type { BaseInstrumentationClass } from "../instrumentations/upstream/adopt.ts";
import { createRequire, register as registerInThread } from "node:module";

const require = createRequire(import.meta.url);
/** The sources run as they are under Node 24; the build makes one CommonJS file of each of these. */
const isSource = import.meta.url.endsWith(".ts");

/** Starts the SDK; the public API needs it only for `start()`. */
export function loadMain(): typeof import("./main.ts") {
  return require(isSource ? "./main.ts" : "./main.cjs") as typeof import("./main.ts");
}

/** What a plug-in needs in a process that another SDK runs in. */
export function loadStandalone(): typeof import("./plugins/standalone.ts") {
  return require(isSource ? "./plugins/standalone.ts" : "./standalone.cjs") as typeof import("./plugins/standalone.ts");
}

/** The user's own patterns, with a regular expression engine of 150 KB. */
export function loadRedactionPatterns(): typeof import("./redaction/patterns.ts") {
  return require(
    isSource ? "./redaction/patterns.ts" : "./redaction-patterns.cjs",
  ) as typeof import("./redaction/patterns.ts");
}

/** The class of `@opentelemetry/instrumentation-<name>`; the build makes one file of each. */
export function loadUpstreamInstrumentation(name: string): BaseInstrumentationClass {
  const exports = require(isSource ? `@opentelemetry/instrumentation-${name}` : `./upstream/${name}.cjs`) as Record<
    string,
    unknown
  >;
  const className = Object.keys(exports).find((key) => /^[A-Z]\w+Instrumentation$/.test(key));
  if (className === undefined) throw new Error(`@opentelemetry/instrumentation-${name} exports no instrumentation`);
  return exports[className] as BaseInstrumentationClass;
}

/** The client of shared storage in Redis, 400 KB. */
export function loadRedisClient(): typeof import("./trace-store/redis-client.ts") {
  return require(
    isSource ? "./trace-store/redis-client.ts" : "./redis-client.cjs",
  ) as typeof import("./trace-store/redis-client.ts");
}

export interface ImportHooks {
  /** More names. */
  add(names: string[]): void;
}

/** Of all that watch: the hooks can be registered once in a process. */
const included: ((url: string, specifier: string) => boolean)[] = [];

function registerImportHooks(include: (string | RegExp)[]): void {
  const { supportsSyncHooks } = require("import-in-the-middle/supports-sync-hooks.mjs") as {
    supportsSyncHooks: () => boolean;
  };
  if (supportsSyncHooks()) {
    const { register } = require("import-in-the-middle/register-hooks.mjs") as {
      register: (options: { shouldInclude: (url: string, specifier: string) => boolean }) => void;
    };
    register({ shouldInclude: (url, specifier) => included.some((isIncluded) => isIncluded(url, specifier)) });
  } else {
    // Node before 22.22.3 and 24.11.1: in a thread of its own, where nothing can be added later.
    registerInThread("import-in-the-middle/hook.mjs", import.meta.url, { data: { include } });
  }
}

/** What an app that imports ES modules needs, and others do not: import-in-the-middle, 90 KB that take 20 to 40 ms. */
export function loadImportHooks(
  { names, files }: { readonly names: string[]; readonly files: readonly RegExp[] },
  isIncluded: (url: string, specifier: string) => boolean,
  onImport: (exports: unknown, name: string, baseDir: string | undefined, format: string | undefined) => unknown,
): ImportHooks {
  included.push(isIncluded);
  if (included.length === 1) registerImportHooks([...names, ...files]);
  const { Hook } = require("import-in-the-middle") as typeof import("import-in-the-middle");
  const add = (added: string[]): void => {
    new Hook(added, { internals: true }, onImport as never);
  };
  add(names);
  return { add };
}

/** The engine on upstream's NodeSDK, with its hundreds of files. */
export function loadNodeSdkEngine(): typeof import("./engines/node-sdk.ts") {
  return require(
    isSource ? "./engines/node-sdk.ts" : "./engine-node-sdk.cjs",
  ) as typeof import("./engines/node-sdk.ts");
}

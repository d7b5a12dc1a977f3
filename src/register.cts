// What `node --require redtrail/register` runs: starts redtrail once, in the main thread unless told otherwise, and never throws into the app.
// The build lowers it to what Node 12 can parse, so that a Node that is too old can say so and run the app without us.
const STATE: unique symbol = Symbol.for("redtrail") as never;
const MINIMUM = [22, 15] as const;
const shared = globalThis as { [STATE]?: object };

function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

/** NODE_OPTIONS reaches every worker thread, those of libraries too: they are for who asks for them. */
function isWanted(): boolean {
  const { isMainThread } = require("worker_threads") as typeof import("node:worker_threads");
  // oxlint-disable-next-line node/no-process-env -- src/config cannot be loaded on the Nodes that this file speaks to.
  return isMainThread || String(process.env["REDTRAIL_WORKER_THREADS"]).trim().toLowerCase() === "true";
}

function say(text: string): void {
  // oxlint-disable-next-line node/no-process-env -- src/config cannot be loaded on the Nodes that this file speaks to.
  if (String(process.env["OTEL_LOG_LEVEL"]).toLowerCase() !== "none") process.stderr.write(`redtrail: ${text}\n`);
}

function register(): void {
  if (shared[STATE] !== undefined || !isWanted()) return;
  const version = process.versions.node;
  if (!isSupported(version)) {
    shared[STATE] = {};
    say(`Node.js ${version} is too old (needs ${MINIMUM.join(".")} or later); the app runs without telemetry`);
    return;
  }
  (require("./main.cjs") as typeof import("./main.ts", { with: { "resolution-mode": "import" } })).main();
}

try {
  register();
} catch (error) {
  say(`could not start (${String(error)}); the app runs without telemetry`);
}

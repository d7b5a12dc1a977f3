// What the benchmark asks of an app under test, over Node's IPC channel and never over HTTP, so that no instrumentation sees it.
"use strict";

function usage() {
  const cpu = process.cpuUsage();
  return { cpuUs: cpu.user + cpu.system, rssBytes: process.memoryUsage.rss() };
}

process.on("message", (message) => {
  if (message === "usage") process.send(usage());
  if (message === "exit") process.exit(0);
});

// An interrupted benchmark leaves no app behind, not even under a preload that ignores signals.
process.on("disconnect", () => process.exit(0));

/** Tells the benchmark where the app listens. The channel stays open and keeps the process alive. */
exports.ready = function ready(server) {
  process.send({ port: server.address().port });
};

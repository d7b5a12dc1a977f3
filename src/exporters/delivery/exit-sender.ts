// Posts bodies while the process is ending, where this thread's event loop runs no more: in a thread that has one.
import { codeOf } from "../../error-code.ts";
import type { Reply } from "./send-result.ts";
import type { Target } from "./target.ts";

/**
 * Plain text with no import of ours. Each body goes to the targets in turn until one answers; every answer is posted to
 * the port, and after the last one, or when no target answers, `state[0]` becomes 1.
 */
const WORKER = `
const { workerData } = require("node:worker_threads");
const { gzipSync } = require("node:zlib");
const { bodies, targets, port, maxAnswerBytes } = workerData;
const state = new Int32Array(workerData.state);
const clients = targets.map((target) => {
  const http = require(target.request.protocol === "https:" ? "node:https" : "node:http");
  return { http, target, agent: new http.Agent(target.agent) };
});
function finish() {
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
function post(index, at) {
  if (index === bodies.length || at === clients.length) return finish();
  const { http, target, agent } = clients[at];
  let body = Buffer.from(bodies[index]);
  const headers = { ...target.headers };
  if (body.length > target.gzipThresholdBytes) {
    body = gzipSync(body, { level: 1 });
    headers["content-encoding"] = "gzip";
  }
  headers["content-length"] = body.length;
  const request = http.request({ ...target.request, agent, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      if (text.length > maxAnswerBytes) response.destroy();
    });
    response.on("error", () => {});
    response.on("close", () => {
      const { statusCode: status, complete } = response;
      port.postMessage({ status, text, complete, location: response.headers.location });
      if (status === 429 || status >= 500) finish();
      else post(index + 1, at);
    });
  });
  request.on("error", (error) => {
    if (at + 1 < clients.length) return post(index, at + 1);
    port.postMessage({ status: 0, failure: error.code ?? error.name, hopeless: false });
    finish();
  });
  request.end(body);
}
post(0, 0);
`;

/**
 * Posts the bodies one after another and blocks for `timeoutMs` milliseconds at most. Returns the replies in order; there
 * are fewer than bodies where the time was over or no server answered. Never throws.
 */
export function postAtExit(
  targets: readonly Target[],
  bodies: readonly Buffer[],
  { timeoutMs, maxAnswerBytes }: { readonly timeoutMs: number; readonly maxAnswerBytes: number },
): Reply[] {
  try {
    const { MessageChannel, Worker, receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    const buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const { port1, port2 } = new MessageChannel();
    // No arguments and no environment: a preload (ours, above all) must not run in this thread.
    const worker = new Worker(WORKER, {
      eval: true,
      execArgv: [],
      env: {},
      workerData: { targets, bodies, state: buffer, port: port2, maxAnswerBytes },
      transferList: [port2],
    });
    worker.on("error", () => {});
    worker.unref();
    const isTimeout = Atomics.wait(new Int32Array(buffer), 0, 0, timeoutMs) === "timed-out";
    const replies: Reply[] = [];
    for (let one = receiveMessageOnPort(port1); one !== undefined; one = receiveMessageOnPort(port1)) {
      replies.push(one.message as Reply);
    }
    port1.close();
    const isOver = replies.length > 0 && "failure" in (replies.at(-1) as Reply);
    if (isTimeout && !isOver) replies.push({ status: 0, failure: "timeout", hopeless: false });
    return replies;
  } catch (error) {
    return [{ status: 0, failure: codeOf(error), hopeless: true }];
  }
}

// Links over the channel between the primary and the workers of node:cluster.
// Node keeps messages whose `cmd` begins with NODE_ to itself: they are emitted as 'internalMessage', and the app's handlers
// of 'message' never see them. Neither does node:cluster, which looks at NODE_CLUSTER only.
import type { ChildProcess } from "node:child_process";
import type { Cluster } from "node:cluster";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import type { Link } from "./link.ts";
import type { Message } from "./protocol.ts";

interface Envelope {
  readonly cmd: typeof CMD;
  readonly message: unknown;
}

const CMD = "NODE_REDTRAIL";

/**
 * The id of this worker of node:cluster; undefined elsewhere. NODE_UNIQUE_ID is gone from the environment before a preload
 * runs; and where node:cluster is not loaded it stays so, for it reads settings of the app's (NODE_CLUSTER_SCHED_POLICY) then.
 */
export function clusterWorkerId(): string | undefined {
  // In a worker node:cluster listens from the start; in a child process of another kind nobody does.
  if (process.send === undefined || !process.connected || process.listenerCount("disconnect") === 0) return undefined;
  const id = loadCluster().worker?.id;
  return id === undefined ? undefined : String(id);
}

/** In a worker: the link to the primary, whether it answers or not. */
export function connectToPrimary(): Link {
  const { worker } = loadCluster();
  let onInternal: ((envelope: unknown) => void) | undefined;
  const emitter: EventEmitter = process;
  return {
    send: (message) => sendEnvelope(process, message),
    onMessage(callback) {
      onInternal = (envelope) => isOurs(envelope) && callback(envelope.message);
      emitter.on("internalMessage", onInternal);
    },
    onClose(callback) {
      // Of `worker`, not of `process`: there a listener keeps the channel, and so the process, alive.
      worker?.once("disconnect", callback);
      if (!process.connected) process.nextTick(callback);
    },
    close() {
      if (onInternal !== undefined) emitter.off("internalMessage", onInternal);
    },
  };
}

/** In a primary: a link to each worker that begins to speak. Returns how to stop accepting. */
export function acceptWorkers(accept: (link: Link) => void): () => void {
  // Published for every child process as it is made, whichever way: node:cluster need not be loaded for it.
  const onChild = (event: unknown): void => {
    const { process: child } = event as { process: ChildProcess };
    let deliver: ((message: unknown) => void) | undefined;
    const emitter: EventEmitter = child;
    emitter.on("internalMessage", (envelope: unknown) => {
      if (!isOurs(envelope)) return;
      if (deliver === undefined) {
        accept(linkTo(child, (callback) => (deliver = callback)));
      }
      deliver?.(envelope.message);
    });
  };
  subscribe("child_process", onChild);
  return () => unsubscribe("child_process", onChild);
}

function loadCluster(): Cluster {
  return process.getBuiltinModule("node:cluster") as unknown as Cluster;
}

function linkTo(child: ChildProcess, setReceiver: (receive: (message: unknown) => void) => void): Link {
  return {
    send: (message) => sendEnvelope(child, message),
    onMessage: setReceiver,
    // Not 'exit': what a worker has sent may be read after it.
    onClose: (callback) => void child.once("disconnect", callback),
    close: () => setReceiver(() => {}),
  };
}

/** With a callback `send` never throws, and a channel that is closed is not an 'error' event. */
function sendEnvelope(target: NodeJS.Process | ChildProcess, message: Message): Promise<void> {
  return new Promise((resolve) => {
    const envelope: Envelope = { cmd: CMD, message };
    try {
      if (target.send === undefined) resolve();
      else target.send(envelope, undefined, {}, () => resolve());
    } catch {
      resolve();
    }
  });
}

function isOurs(envelope: unknown): envelope is Envelope {
  return typeof envelope === "object" && envelope !== null && (envelope as Partial<Envelope>).cmd === CMD;
}

// One connection to Redis or Valkey by their maintained client; after the build a file of its own, read only where a store is configured.
import { RedisClient } from "@redis/client";
import type { TlsParts } from "../exporters/delivery/target.ts";
import type { RedisAddress } from "./address.ts";

export interface RedisConnection {
  /** Sent with all else of this turn of the event loop. Rejects with what the server refuses, and when the connection ends. */
  send(command: readonly string[]): Promise<unknown>;
  /** What is not answered is rejected. */
  destroy(): void;
}

export interface RedisConnectionOptions {
  readonly address: RedisAddress;
  readonly tls: TlsParts;
  readonly connectTimeoutMs: number;
}

/**
 * Opens it at once. `onReady` comes once at most; `onDown` whenever something is wrong with it, and it is of no use then.
 * It does not keep the process alive, does not reconnect, and asks for no right but AUTH and, of another database, SELECT.
 */
export function openRedisConnection(
  { address, tls, connectTimeoutMs }: RedisConnectionOptions,
  onReady: () => void,
  onDown: (error: unknown) => void,
): RedisConnection {
  const { host, port, path, isTls, username, password, database } = address;
  // The client's own pauses between attempts would keep the process alive.
  const socket = { connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const;
  const client = new RedisClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    socket:
      path !== undefined
        ? { ...socket, path }
        : isTls
          ? { ...socket, ...tls, host, port, tls: true }
          : { ...socket, host, port },
    // RESP2 needs no HELLO, and is understood by all that speak Redis.
    RESP: 2,
    disableClientInfo: true,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // None: it would be an AbortSignal for each command, and deadlines are the caller's.
    commandOptions: { timeout: 0 },
  });
  client.unref();
  client.on("error", onDown);
  let isDestroyed = false;
  client.connect().then(
    () => {
      // While it connects the client has no socket that it could destroy.
      if (isDestroyed) client.destroy();
      else onReady();
    },
    (error: unknown) => onDown(error),
  );
  return {
    send: (command) => client.sendCommand(command),
    destroy() {
      isDestroyed = true;
      client.destroy();
    },
  };
}

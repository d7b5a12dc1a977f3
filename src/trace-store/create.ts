// Makes the process's shared storage from its settings; undefined where there is none.
import type { TraceStoreConfig } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import { readTls } from "../exporters/delivery/target.ts";
import { loadRedisClient } from "../lazy.ts";
import type { RedisAddress } from "./address.ts";
import { createMemoryStore } from "./memory.ts";
import { createRecordCodec } from "./record.ts";
import { CONNECT_TIMEOUT_MS, type OpenConnection } from "./redis-link.ts";
import { createRedisStore } from "./redis.ts";
import type { SharedTraces } from "./shared-traces.ts";
import type { TraceStore } from "./store.ts";

export function createSharedTraces(config: TraceStoreConfig): SharedTraces | undefined {
  const { address, mode, budgetMs } = config;
  if (address === undefined) return undefined;
  try {
    return { store: createStore(config, address), mode, budgetMs, found: { parent: 0, link: 0 } };
  } catch (error) {
    log.warn(`the trace store cannot be used (${String(error)}); it is off`);
    return undefined;
  }
}

function createStore(
  { ttlMs, namespace, secret, tls }: TraceStoreConfig,
  address: NonNullable<TraceStoreConfig["address"]>,
): TraceStore {
  if (address.kind === "memory") return createMemoryStore({ ttlMs });
  const codec = createRecordCodec(namespace, secret);
  return createRedisStore({ name: address.name, codec, ttlMs, open: openWith(address, tls) });
}

/** The client is loaded now and not with the first connection, when the app has requests to answer. */
function openWith(address: RedisAddress, tls: TraceStoreConfig["tls"]): OpenConnection {
  const options = { address, tls: readTls(tls), connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const { openRedisConnection } = loadRedisClient();
  return (onReady, onDown) => openRedisConnection(options, onReady, onDown);
}

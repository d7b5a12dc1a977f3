// What this process is to those whom it calls: its service, its host, and the port that it serves.
import { subscribe } from "node:diagnostics_channel";
import type { Server } from "node:net";
import { hostname } from "node:os";
import { OWN_SERVER } from "../exporters/prometheus/server.ts";
import type { Peer } from "./peer.ts";

/** The port is that of the first server of the app that listens. */
export function watchOwnPeer(service: string): () => Peer {
  const host = hostname();
  let peer: Peer = { service, host };
  subscribe("tracing:net.server.listen:asyncEnd", (message) => {
    const { server } = message as { server: Server & { readonly [OWN_SERVER]?: true } };
    const address = server.address();
    if (peer.port !== undefined || server[OWN_SERVER] === true || address === null || typeof address === "string")
      return;
    peer = { service, host, port: address.port };
  });
  return () => peer;
}

// Stands between the app and a real Redis, and does to the bytes what networks and servers do on a bad day.
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** `pass`: nothing. `hang`: nothing comes back any more. `slow`: answers come late. `garbage`: they are no Redis'. */
export type Weather = "pass" | "hang" | "slow" | "garbage";

export interface StoreProxy {
  readonly port: number;
  weather: Weather;
  /** Milliseconds that answers are late in slow weather. */
  delayMs: number;
  /** Resets all connections, in the middle of an answer. */
  reset(): void;
  /** Connections that came so far. */
  readonly connections: number;
  close(): Promise<void>;
}

export async function startStoreProxy(targetPort: number): Promise<StoreProxy> {
  const clients = new Set<Socket>();
  let connections = 0;
  let isResetting = false;
  const server = createServer((client) => {
    connections++;
    clients.add(client);
    const target = connect(targetPort, "127.0.0.1");
    client
      .on("error", () => {})
      .on("close", () => {
        clients.delete(client);
        target.destroy();
      });
    target.on("error", () => {}).on("close", () => client.destroy());
    client.on("data", (data) => target.write(data));
    target.on("data", (data) => {
      if (isResetting) {
        client.write(data.subarray(0, 1), () => client.resetAndDestroy());
        isResetting = false;
      } else if (proxy.weather === "pass") client.write(data);
      else if (proxy.weather === "garbage") client.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      else if (proxy.weather === "slow") setTimeout(() => client.write(data), proxy.delayMs);
    });
  });
  server.listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  const proxy: StoreProxy = {
    port: (server.address() as AddressInfo).port,
    weather: "pass",
    delayMs: 60,
    reset: () => (isResetting = true),
    get connections() {
      return connections;
    },
    async close() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

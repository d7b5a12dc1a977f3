// NATS: the package `nats` 2, and the packages @nats-io/* 3 that came after it. The same classes in both, in other files.
import type { InstrumentationHost } from "../instrumentation.ts";
import { prototypeOf } from "../wrap-method.ts";
import { createConsumer } from "./consumer.ts";
import type { MakeHeaders } from "./headers.ts";
import { createProducer } from "./producer.ts";

const PACKAGES = ["nats", "@nats-io/nats-core", "@nats-io/jetstream"];

export function instrumentNats(host: Pick<InstrumentationHost, "tracer" | "messaging" | "modules">): void {
  /** Of the copy that was loaded last, where there are several; each takes what the others make. */
  let makeHeaders: MakeHeaders | undefined;
  const producer = createProducer(host, () => makeHeaders);
  const consumer = createConsumer(host);
  // Files move between versions; the classes keep their names, and each is wrapped once, whichever file exports it first.
  const onLoad = (exports: unknown): void => {
    if (exports === null || typeof exports !== "object") return;
    const found = exports as Readonly<Record<string, unknown>>;
    if (typeof found["headers"] === "function" && typeof found["MsgHdrsImpl"] === "function")
      makeHeaders = found["headers"] as MakeHeaders;
    const connection = prototypeOf(found["NatsConnectionImpl"]);
    const jetStream = prototypeOf(found["JetStreamClientImpl"]);
    producer.watchProtocol(prototypeOf(found["ProtocolHandler"]));
    producer.watchConnection(connection);
    producer.watchJetStream(jetStream);
    consumer.watchConnection(connection);
    consumer.watchJetStream(jetStream);
    consumer.watchMessage(prototypeOf(found["MsgImpl"]));
    consumer.watchIterator(prototypeOf(found["QueuedIteratorImpl"]));
    consumer.watchConsumer(prototypeOf(found["PullConsumerImpl"]));
    consumer.watchConsumerMessages(prototypeOf(found["PullConsumerMessagesImpl"]));
    consumer.watchConsumerMessages(prototypeOf(found["PushConsumerMessagesImpl"]));
  };
  for (const name of PACKAGES) host.modules.watch(name, onLoad);
}

// Calls of the AWS SDK that are nobody else's: messages of SQS and SNS have an instrumentation of redtrail's own.
import { type Attributes, trace } from "@opentelemetry/api";
import { finishDatabaseSpan } from "./database.ts";
import type { EndingSpan } from "./spans.ts";

/** By service: the calls that the instrumentation `aws-messaging` has, if it is on. */
const MESSAGES: ReadonlyMap<unknown, readonly unknown[]> = new Map([
  ["SQS", ["SendMessage", "SendMessageBatch", "ReceiveMessage"]],
  ["SNS", ["Publish", "PublishBatch"]],
]);

export function isAwsCall(
  _name: string,
  { "rpc.service": service, "rpc.method": method }: Attributes,
  isOn: (instrumentation: string) => boolean,
): boolean {
  return MESSAGES.get(service)?.includes(method) !== true || !isOn("aws-messaging");
}

interface AwsInstrumentation {
  readonly servicesExtensions?: { readonly services?: Map<string, unknown> };
  _callOriginalFunction: (call: () => unknown) => unknown;
}

/** Upstream would write into messages, ask for attributes of others, and keep all spans below away where it has none itself. */
export function withoutMessaging(instrumentation: object): void {
  const upstream = instrumentation as AwsInstrumentation;
  upstream.servicesExtensions?.services?.delete("SQS");
  upstream.servicesExtensions?.services?.delete("SNS");
  const suppressing = upstream._callOriginalFunction.bind(upstream);
  upstream._callOriginalFunction = (call) =>
    trace.getActiveSpan()?.isRecording() === true ? suppressing(call) : call();
}

export function finishAwsSpan(span: EndingSpan): void {
  const { attributes } = span;
  const { "rpc.service": service, "db.system.name": system } = attributes;
  // The HTTP request below, which knows the address, has no span.
  if (typeof service === "string") span.setAttribute("peer.service", service);
  if (system === undefined) return;
  // DynamoDB's table.
  span.setAttribute("db.collection.name", attributes["db.namespace"]);
  delete attributes["db.namespace"];
  finishDatabaseSpan(span);
}

// Calls of the AWS SDK that are nobody else's: messages of SQS and SNS have an instrumentation of redtrail's own.
import type { Attributes } from "@opentelemetry/api";
import type { EndingSpan } from "./spans.ts";

/** The instrumentations that have these services' calls, if they are on. */
const OTHERS: ReadonlyMap<unknown, string> = new Map([
  ["SQS", "sqs"],
  ["SNS", "sns"],
]);

export function isAwsCall(
  _name: string,
  attributes: Attributes,
  isOn: (instrumentation: string) => boolean,
): boolean {
  const other = OTHERS.get(attributes["rpc.service"]);
  return other === undefined || !isOn(other);
}

/** Without its spans upstream still writes into messages, and asks for attributes of others. */
export function withoutMessaging(instrumentation: object): void {
  const { servicesExtensions } = instrumentation as { servicesExtensions?: { services?: Map<string, unknown> } };
  servicesExtensions?.services?.delete("SQS");
  servicesExtensions?.services?.delete("SNS");
}

/** The HTTP request below, which knows the address, has no span. */
export function finishAwsSpan(span: EndingSpan): void {
  const service = span.attributes["rpc.service"];
  if (typeof service === "string") span.setAttribute("peer.service", service);
}

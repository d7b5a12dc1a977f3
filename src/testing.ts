// `redtrail/testing`: for people who write plug-ins. Needs no test runner in particular.
export { assertContract, contractProblems } from "./testing/contract.ts";
export type { ContractOptions } from "./testing/contract.ts";
export { startTestKit } from "./testing/kit.ts";
export type { TestKit, TestKitOptions } from "./testing/kit.ts";
export type { TestMetric } from "./testing/metrics.ts";
export type { TestSpan } from "./testing/spans.ts";

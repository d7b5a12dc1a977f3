// BullMQ 5 and 6 without a telemetry object: what is added to queues and flows, and the processors of workers. An app that has given
// BullMQ a telemetry object of its own is left to that.
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";
import { prototypeOf } from "../wrap-method.ts";
import { watchFlowProducer, watchQueue } from "./producer.ts";
import { watchWorker } from "./worker.ts";

export function instrumentBullmq(host: Pick<InstrumentationHost, "tracer" | "messaging" | "modules">): void {
  // CommonJS and ES modules are two copies of each class.
  host.modules.watch("bullmq", (exports) => {
    if (exports === null || typeof exports !== "object") return;
    watchQueue(prototypeOf(exportOf(exports, "Queue")), host);
    watchFlowProducer(prototypeOf(exportOf(exports, "FlowProducer")), host);
    watchWorker(prototypeOf(exportOf(exports, "Worker")), host);
  });
}

// What a scrape says of the one before it: how long it took, and how much it was.
import type { Attributes } from "@opentelemetry/api";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { now } from "../../metrics/data.ts";
import { gaugeData, sumData } from "../../metrics/metric-data.ts";
import { VERSION } from "../../version.ts";
import type { Syntax } from "./format.ts";

interface Last {
  readonly attributes: Attributes;
  seconds: number;
  bytes: number;
  count: number;
}

export class ScrapeMetrics {
  readonly #startTime = now();
  readonly #bySyntax = new Map<Syntax, Last>();

  add(syntax: Syntax, seconds: number, bytes: number): void {
    const last = this.#bySyntax.get(syntax) ?? { attributes: { format: syntax }, seconds: 0, bytes: 0, count: 0 };
    this.#bySyntax.set(syntax, last);
    Object.assign(last, { seconds, bytes, count: last.count + 1 });
  }

  collect(): ScopeMetrics {
    const points = (read: (last: Last) => number): Parameters<typeof gaugeData>[1] =>
      Array.from(this.#bySyntax.values(), (last) => ({
        attributes: last.attributes,
        value: read(last),
        startTime: this.#startTime,
        endTime: this.#startTime,
      }));
    return {
      scope: { name: "redtrail/self", version: VERSION },
      metrics: [
        gaugeData(
          {
            name: "redtrail.scrape.duration",
            description: "Time that the last scrape took, without sending it.",
            unit: "s",
          },
          points(({ seconds }) => seconds),
        ),
        gaugeData(
          { name: "redtrail.scrape.size", description: "Size of the last scrape, before compression.", unit: "By" },
          points(({ bytes }) => bytes),
        ),
        sumData(
          { name: "redtrail.scrape.count", description: "Scrapes that were answered.", unit: "{scrape}" },
          true,
          points(({ count }) => count),
        ),
      ],
    };
  }
}

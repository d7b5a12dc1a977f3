// Zipkin's v2 JSON format, as far as redtrail writes it (https://zipkin.io/zipkin-api/#/default/post_spans).

export interface ZipkinEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

export interface ZipkinAnnotation {
  /** Whole microseconds since 1970. */
  readonly timestamp: number;
  readonly value: string;
}

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  /** Absent for an internal span. */
  readonly kind?: "CLIENT" | "SERVER" | "PRODUCER" | "CONSUMER";
  readonly name?: string;
  /** Whole microseconds since 1970. */
  readonly timestamp?: number;
  /** Whole microseconds; at least 1, because Zipkin reads 0 as "unknown". */
  readonly duration?: number;
  readonly localEndpoint: ZipkinEndpoint;
  /** Zipkin draws a dependency to it. */
  readonly remoteEndpoint?: ZipkinEndpoint;
  readonly annotations?: readonly ZipkinAnnotation[];
  readonly tags: Readonly<Record<string, string>>;
}

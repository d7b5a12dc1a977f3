// The exposition formats that a scrape can be answered in.
// https://prometheus.io/docs/instrumenting/content_negotiation/

/** How characters that old names may not have are written. https://prometheus.io/docs/instrumenting/escaping_schemes/ */
export type Escaping = "underscores" | "allow-utf-8" | "dots" | "values";

export type Syntax = "text" | "openmetrics" | "protobuf";

export interface Format {
  readonly syntax: Syntax;
  readonly escaping: Escaping;
  /** Content-Type of the answer, version and escaping included. */
  readonly contentType: string;
}

/** What goes out: pieces of at most 64 KiB each, so that writing and compressing them stops nobody. */
export interface Body {
  readonly chunks: readonly Buffer[];
  readonly byteLength: number;
  /** Gives the memory back, once it is sent. */
  release(): void;
}

// One trace as a tree in text, with times.

export interface TreeSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly name: string;
  /** Microseconds. */
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const BAR_WIDTH = 30;

/** Lines: the span, its service, when it began after the first, how long it took, a bar of both, and how it ended. */
export function traceTree(spans: readonly TreeSpan[]): string[] {
  const sorted = spans.toSorted((a, b) => a.timestamp - b.timestamp);
  const known = new Set(spans.map(({ id }) => id));
  const start = Math.min(...spans.map(({ timestamp }) => timestamp));
  const length = Math.max(...spans.map(({ timestamp, duration }) => timestamp + duration)) - start;
  const rows: { label: string; span: TreeSpan }[] = [];

  function add(span: TreeSpan, prefix: string, branch: string): void {
    rows.push({
      label: `${prefix}${branch}${span.name.replace(/^[a-z]+/, (method) => method.toUpperCase())} ${span.kind?.toLowerCase() ?? ""}`,
      span,
    });
    const children = sorted.filter(({ parentId }) => parentId === span.id);
    const inner = prefix + (branch === "" ? "" : branch === "└─ " ? "   " : "│  ");
    for (const [index, child] of children.entries()) add(child, inner, index === children.length - 1 ? "└─ " : "├─ ");
  }
  for (const root of sorted) if (root.parentId === undefined || !known.has(root.parentId)) add(root, "", "");

  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const serviceWidth = Math.max(...rows.map(({ span }) => span.localEndpoint.serviceName.length));
  return rows.map(({ label, span }) => {
    const { timestamp, duration, tags } = span;
    const service = span.localEndpoint.serviceName.padEnd(serviceWidth);
    const result = `${tags["http.response.status_code"] ?? ""} ${tags["outcome"] ?? ""}`.trim();
    return `${label.padEnd(labelWidth)}  ${service}  +${milliseconds(timestamp - start)}  ${milliseconds(duration)}  ${bar(timestamp - start, duration, length)}  ${result}`;
  });
}

function milliseconds(us: number): string {
  return `${(us / 1000).toFixed(1).padStart(6)} ms`;
}

function bar(offset: number, duration: number, length: number): string {
  const from = Math.min(BAR_WIDTH - 1, Math.floor((offset / length) * BAR_WIDTH));
  const size = Math.max(1, Math.min(BAR_WIDTH - from, Math.round((duration / length) * BAR_WIDTH)));
  return " ".repeat(from) + "━".repeat(size) + " ".repeat(BAR_WIDTH - from - size);
}

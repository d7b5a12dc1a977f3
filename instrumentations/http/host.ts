// Splits `host:port` as it stands in a Host header or a URL's authority.

export interface Authority {
  readonly host: string;
  readonly port: number | undefined;
}

/** A server hears, and a client says, the same name over and over: the last one is remembered. */
let last: { readonly text: string; readonly authority: Authority } | undefined;

/** `example.com`, `example.com:8080`, `[::1]:8080`; a port that is none is left out. */
export function parseAuthority(text: string): Authority {
  if (last?.text !== text) last = { text, authority: parse(text) };
  return last.authority;
}

function parse(text: string): Authority {
  const colon = text.lastIndexOf(":");
  const isPort = colon > 0 && text.indexOf("]", colon) < 0;
  if (!isPort) return { host: unbracket(text), port: undefined };
  const port = Number(text.slice(colon + 1));
  return { host: unbracket(text.slice(0, colon)), port: port > 0 && port < 65_536 ? port : undefined };
}

function unbracket(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

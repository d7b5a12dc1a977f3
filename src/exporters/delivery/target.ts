// Where requests go and how: one URL with its credentials, certificates and proxy, as options for http.request().
import { readFileSync } from "node:fs";
import type { AgentOptions, RequestOptions } from "node:http";
import { log } from "../../diagnostics/log.ts";
import { codeOf } from "../../error-code.ts";
import { VERSION } from "../../version.ts";

/** What a user configures for a server that telemetry is sent to. */
export interface Destination {
  /** http: or https:, tried in turn. Credentials in a URL become basic authentication. */
  readonly urls: readonly string[];
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
  /** Sent with each request; an `authorization` here wins over the URL's credentials. @default {} */
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM files. A CA file stands in place of the system's. */
  readonly tls?: TlsFiles;
  /** @default none */
  readonly proxy?: ProxyVariables;
}

/** Values of the variables that everybody uses. What is on this machine is reached without a proxy. */
export interface ProxyVariables {
  readonly HTTP_PROXY?: string;
  readonly HTTPS_PROXY?: string;
  readonly NO_PROXY?: string;
}

export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** PEM. */
export interface TlsParts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** In a form that can be handed to another thread. */
export interface Target {
  readonly request: Omit<RequestOptions, "headers"> & { readonly protocol: string };
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: AgentOptions;
  /** Bodies of more bytes are compressed. */
  readonly gzipThresholdBytes: number;
}

const GZIP_THRESHOLD_BYTES = 1_024;

/** The URL as it may be logged: no credentials, no query. */
export function loggableUrl(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "an invalid URL" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** Undefined for what is no http or https URL. Certificates are read here, once; one that cannot be read is said. */
export function createTargets(destination: Destination, contentType: string): Target[] {
  const tls = destination.tls === undefined ? {} : readTls(destination.tls);
  return destination.urls
    .map((text) => URL.parse(text))
    .filter((url) => url !== null)
    .filter(({ protocol }) => protocol === "http:" || protocol === "https:")
    .map((url) => createTarget(url, destination, contentType, tls));
}

function createTarget(url: URL, { headers = {}, proxy = {} }: Destination, contentType: string, tls: TlsParts): Target {
  // WHATWG URLs keep the brackets of an IPv6 address, and sockets do not understand them.
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isLoopback = hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  const isTls = url.protocol === "https:";
  return {
    request: {
      method: "POST",
      protocol: url.protocol,
      hostname,
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      path: url.pathname + url.search,
    },
    headers: {
      "content-type": contentType,
      "user-agent": `redtrail/${VERSION}`,
      ...basicAuthorization(decode(url.username), decode(url.password)),
      ...lowerCaseKeys(headers),
    },
    agent: { keepAlive: true, maxSockets: 1, ...(isTls ? tls : {}), ...(isLoopback ? {} : proxyOf(proxy, isTls)) },
    // What stays on the machine is not compressed: that would cost more than all the rest of a span, and save nothing.
    gzipThresholdBytes: isLoopback ? Infinity : GZIP_THRESHOLD_BYTES,
  };
}

function lowerCaseKeys(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

export function basicAuthorization(username: string, password: string): { authorization?: string } {
  if (username === "" && password === "") return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A file that cannot be read is said, and left out. */
export function readTls({ caFile, certFile, keyFile }: TlsFiles): TlsParts {
  const files = { ca: caFile, cert: certFile, key: keyFile };
  const read: Record<string, string> = {};
  for (const [part, file] of Object.entries(files)) {
    if (file === undefined) continue;
    try {
      read[part] = readFileSync(file, "utf8");
    } catch (error) {
      log.error(`the ${part} file "${file}" cannot be read (${codeOf(error)}); going on without it`);
    }
  }
  return read;
}

/** Node's own proxy support, where this Node has it. */
function proxyOf(variables: ProxyVariables, isTls: boolean): AgentOptions {
  const name = isTls ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = variables[name];
  if (proxy === undefined) return {};
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if ((major === 22 && minor < 21) || major === 23 || (major === 24 && minor < 5)) {
    log.warnSometimes("proxy", `${name} is set, but Node ${process.versions.node} cannot use it (22.21 and 24.5 can)`);
    return {};
  }
  return { proxyEnv: { [name]: proxy, NO_PROXY: variables.NO_PROXY ?? "" } };
}

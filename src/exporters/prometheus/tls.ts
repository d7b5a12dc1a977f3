// The certificates of the metrics endpoint: read at start, and again when their files change.
import { type Stats, readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { log } from "../../diagnostics/log.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  /** The server's certificate, and what leads from it to its authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of clients. With it, a client that shows no certificate of theirs is not let in. @default any client */
  readonly clientCaFile?: string | undefined;
}

export interface Certificates {
  /** For https.createServer. */
  readonly options: TlsOptions;
  /** What to give to `server.setSecureContext`, or undefined when nothing changed or the files are no good; never rejects. */
  reload(): Promise<SecureContextOptions | undefined>;
}

interface File {
  readonly key: "cert" | "key" | "ca";
  readonly path: string;
  /** As the user knows it. */
  readonly setting: string;
}

type Contents = { cert?: Buffer; key?: Buffer; ca?: Buffer };

/** Throws an error that names the setting. */
export function loadTls({ certFile, keyFile, clientCaFile }: TlsFiles): Certificates {
  const files: readonly File[] = [
    { key: "cert", path: certFile, setting: `REDTRAIL_PROMETHEUS_TLS_CERT_FILE="${certFile}"` },
    { key: "key", path: keyFile, setting: `REDTRAIL_PROMETHEUS_TLS_KEY_FILE="${keyFile}"` },
    ...(clientCaFile === undefined
      ? []
      : [
          {
            key: "ca" as const,
            path: clientCaFile,
            setting: `REDTRAIL_PROMETHEUS_TLS_CLIENT_CA_FILE="${clientCaFile}"`,
          },
        ]),
  ];
  const contents: Contents = {};
  let lastStamp = files.map(({ path, setting }) => reading(setting, () => stampOf(statSync(path)))).join();
  for (const { key, path, setting } of files) contents[key] = reading(setting, () => readFileSync(path));
  check(files, contents);

  let isReloading = false;

  async function readChanged(): Promise<Contents | undefined> {
    const stamp = (await Promise.all(files.map(({ path }) => stat(path).then(stampOf, String)))).join();
    if (stamp === lastStamp) return undefined;
    // Also when they turn out to be no good: one warning for each change.
    lastStamp = stamp;
    const changed: Contents = {};
    for (const { key, path, setting } of files) changed[key] = await readFile(path).catch(cannotRead(setting));
    check(files, changed);
    return changed;
  }

  return {
    options: {
      ...contents,
      // Otherwise strangers could hold every connection for two minutes.
      handshakeTimeout: 10_000,
      ...(clientCaFile === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
    },
    async reload() {
      // A file system that hangs gets one question, not one a minute.
      if (isReloading) return undefined;
      isReloading = true;
      try {
        return await readChanged();
      } catch (error) {
        log.warn(
          `${error instanceof Error ? error.message : String(error)}; the TLS certificate from before stays in use`,
        );
      } finally {
        isReloading = false;
      }
    },
  };
}

/** Which version of a file it is. Kubernetes changes the target of a link, editors the inode, the rest the time. */
function stampOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs}:${size}:${ino}`;
}

function reading<T>(setting: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    return cannotRead(setting)(error);
  }
}

function cannotRead(setting: string): (error: unknown) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${setting} cannot be read (${code ?? String(error)})`, { cause: error });
  };
}

/** Each file is tried by itself first, so that the message names the right one. */
function check(files: readonly File[], { cert, key, ca }: Contents): void {
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  const attempts = {
    cert: ["is no certificate", () => void createSecureContext({ cert })],
    key: ["is no key of that certificate", () => void createSecureContext({ cert, key })],
    ca: ["is no certificate", () => checkAuthorities(ca)],
  } as const;
  for (const { key: name, setting } of files) {
    const [problem, attempt] = attempts[name];
    try {
      attempt();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`${setting} ${problem} (${code ?? String(error)})`, { cause: error });
    }
  }
}

/** OpenSSL takes authorities that are none without a word, and would refuse every client later. */
function checkAuthorities(ca: Buffer | undefined): void {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  const blocks = String(ca).match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*CERTIFICATE-----/g);
  if (blocks === null) throw Object.assign(new Error("no PEM"), { code: "ERR_OSSL_PEM_NO_START_LINE" });
  for (const block of blocks) void new X509Certificate(block);
}

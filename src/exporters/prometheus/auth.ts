// Basic authentication for the metrics endpoint, by a file of `user:password` lines.
// https://www.rfc-editor.org/rfc/rfc7617
import { readFileSync, statSync } from "node:fs";

/** `busy`: too many unknown credentials are being checked; ask again. */
type Verdict = "granted" | "denied" | "busy";

/** Judges an Authorization header. */
export type Authenticator = (authorization: string | undefined) => Promise<Verdict>;

interface Scrypt {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** `password` is compared as it is, `scrypt` as `scrypt:<N>:<r>:<p>:<salt base64>:<hash base64>` in the file. */
type User = { readonly name: string } & ({ readonly password: string } | { readonly scrypt: Scrypt });

const SETTING = "REDTRAIL_PROMETHEUS_AUTH_FILE";
const MAX_FILE_BYTES = 1_048_576;
/** N times r; 128 bytes each make 256 MiB. The usual r is 8, the usual p 1. */
const MAX_SCRYPT_BLOCKS = 2_097_152;
const MAX_SCRYPT_R = 32;
const MAX_SCRYPT_P = 16;
/** How many unknown headers may wait for their turn of scrypt. */
const MAX_WAITING = 8;
/** Verdicts kept of each kind; at the bound they are forgotten, and the next scrape costs one scrypt again. */
const MAX_REMEMBERED = 64;

/** Throws an error that names the setting, and never a secret: who cannot be asked for a password gets no metrics. */
export function loadAuth(file: string): Authenticator {
  const setting = `${SETTING}="${file}"`;
  const users = parseUsers(readText(file, setting));
  if (typeof users === "string") throw new Error(`${setting} ${users}`);
  return createAuthenticator(users);
}

function readText(file: string, setting: string): string {
  let text: string | undefined;
  try {
    if (statSync(file).size <= MAX_FILE_BYTES) text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${setting} cannot be read (${code ?? String(error)})`, { cause: error });
  }
  if (text === undefined) throw new Error(`${setting} is larger than ${MAX_FILE_BYTES} bytes`);
  return text;
}

/** The users of a file's text, or what is wrong with it. A line that cannot be understood lets nobody in. */
export function parseUsers(text: string): User[] | string {
  const users: User[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    const password = line.slice(colon + 1);
    if (colon < 1 || password === "") return `line ${index + 1} is not user:password`;
    if (!password.startsWith("scrypt:")) {
      users.push({ name, password });
      continue;
    }
    const scrypt = parseScrypt(password);
    if (scrypt === undefined) return `line ${index + 1} is not user:scrypt:N:r:p:salt:hash`;
    users.push({ name, scrypt });
  }
  return users.length === 0 ? "has no user:password line" : users;
}

function parseScrypt(text: string): Scrypt | undefined {
  const match = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (match === null) return undefined;
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [salt, hash] = [Buffer.from(match[4] ?? "", "base64"), Buffer.from(match[5] ?? "", "base64")];
  const isPowerOfTwo = N > 1 && (N & (N - 1)) === 0;
  if (!isPowerOfTwo || N * r > MAX_SCRYPT_BLOCKS) return undefined;
  if (r < 1 || r > MAX_SCRYPT_R || p < 1 || p > MAX_SCRYPT_P) return undefined;
  return salt.length >= 8 && hash.length >= 16 && hash.length <= 128 ? { N, r, p, salt, hash } : undefined;
}

/**
 * Compares hashes in constant time, and all users, so that the time tells neither a name nor how much of a password is right.
 * A header that was judged by scrypt is remembered by its hash: a scraper sends the same one each time.
 */
export function createAuthenticator(users: readonly User[]): Authenticator {
  const { hash, timingSafeEqual } = process.getBuiltinModule("node:crypto");
  const sha256 = (text: string): Buffer => hash("sha256", text, "buffer");
  const plain = users.flatMap((user) =>
    "password" in user ? [{ name: sha256(user.name), password: sha256(user.password) }] : [],
  );
  const hashed = users.flatMap((user) => ("scrypt" in user ? [{ name: sha256(user.name), scrypt: user.scrypt }] : []));
  const remembered = { granted: new Set<string>(), denied: new Set<string>() };
  const inTurn = createQueue();

  function recall(key: string): Verdict | undefined {
    if (remembered.granted.has(key)) return "granted";
    return remembered.denied.has(key) ? "denied" : undefined;
  }

  async function judgeByScrypt(key: string, name: Buffer, password: string): Promise<Verdict> {
    const known = recall(key);
    if (known !== undefined) return known;
    const named = hashed.filter((user) => timingSafeEqual(user.name, name));
    let matches = 0;
    // For a name that is none the first user's hash is computed all the same, because it takes time that can be measured.
    for (const { scrypt } of named.length > 0 ? named : hashed.slice(0, 1)) {
      matches |= Number(timingSafeEqual(await derive(password, scrypt), scrypt.hash));
    }
    const verdict = matches === 1 && named.length > 0 ? "granted" : "denied";
    const verdicts = remembered[verdict];
    if (verdicts.size >= MAX_REMEMBERED) verdicts.clear();
    verdicts.add(key);
    return verdict;
  }

  return async (authorization) => {
    const credentials = parseBasic(authorization);
    if (credentials === undefined) return "denied";
    const name = sha256(credentials.name);
    const password = sha256(credentials.password);
    let matches = 0;
    for (const user of plain) {
      matches |= Number(timingSafeEqual(user.name, name)) & Number(timingSafeEqual(user.password, password));
    }
    if (matches === 1) return "granted";
    if (hashed.length === 0) return "denied";
    const key = sha256(authorization ?? "").toString("base64");
    return recall(key) ?? (await inTurn(() => judgeByScrypt(key, name, credentials.password))) ?? "busy";
  };
}

function parseBasic(authorization: string | undefined): { name: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function derive(password: string, { N, r, p, salt, hash }: Scrypt): Promise<Buffer> {
  const { scrypt } = process.getBuiltinModule("node:crypto");
  // What OpenSSL counts against it: the table, p blocks, and two for working.
  const maxmem = 128 * r * (N + p + 2) + 1024;
  return new Promise((resolve, reject) =>
    scrypt(password, salt, hash.length, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  );
}

/** One piece of work at a time, a few that wait, and undefined for the rest: strangers get one thread of the pool at most. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T | undefined> {
  let pending = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    if (pending > MAX_WAITING) return undefined;
    pending++;
    const turn = last.then(work);
    last = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      pending--;
    }
  };
}

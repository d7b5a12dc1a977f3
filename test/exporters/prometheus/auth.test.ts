import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { createAuthenticator, loadAuth, parseUsers } from "../../../src/exporters/prometheus/auth.ts";

const folder = mkdtempSync(join(tmpdir(), "redtrail-auth-"));
after(() => rmSync(folder, { recursive: true }));

const SALT = Buffer.from("salty salt");
const SALT64 = SALT.toString("base64");
const HASH64 = Buffer.alloc(32).toString("base64");

function scryptLine(password: string, N = 16): string {
  return `scrypt:${N}:1:1:${SALT64}:${scryptSync(password, SALT, 32, { N, r: 1, p: 1 }).toString("base64")}`;
}

function basic(credentials: string, scheme = "Basic"): string {
  return `${scheme} ${Buffer.from(credentials).toString("base64")}`;
}

function authenticator(text: string): ReturnType<typeof createAuthenticator> {
  const users = parseUsers(text);
  assert.ok(typeof users !== "string", String(users));
  return createAuthenticator(users);
}

test("parseUsers takes names, passwords, comments, blank lines and any line ends", () => {
  const text = "\uFEFF# who may scrape\r\n\r\nprometheus:p:w #1\r\n  \nscraper: spaced \nprometheus:second";
  assert.deepEqual(parseUsers(text), [
    { name: "prometheus", password: "p:w #1" },
    { name: "scraper", password: " spaced " },
    { name: "prometheus", password: "second" },
  ]);
});

test("parseUsers takes scrypt hashes", () => {
  const [user] = parseUsers(`a:scrypt:16384:8:1:${SALT64}:${HASH64}`);
  assert.deepEqual(user, { name: "a", scrypt: { N: 16_384, r: 8, p: 1, salt: SALT, hash: Buffer.alloc(32) } });
});

const bytes = (length: number): string => Buffer.alloc(length).toString("base64");
for (const [accepted, rejected] of [
  ["a:b", "a:"],
  ["a:b", ":b"],
  ["a:b", "a"],
  ["a:scrypt", "a:scrypt:"],
  [`a:scrypt:2:1:1:${SALT64}:${HASH64}`, `a:scrypt:1:1:1:${SALT64}:${HASH64}`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:15:1:1:${SALT64}:${HASH64}`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:16:0:1:${SALT64}:${HASH64}`],
  [`a:scrypt:262144:8:1:${SALT64}:${HASH64}`, `a:scrypt:262144:9:1:${SALT64}:${HASH64}`],
  [`a:scrypt:16:32:1:${SALT64}:${HASH64}`, `a:scrypt:16:33:1:${SALT64}:${HASH64}`],
  [`a:scrypt:16:1:16:${SALT64}:${HASH64}`, `a:scrypt:16:1:17:${SALT64}:${HASH64}`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:16:1:0:${SALT64}:${HASH64}`],
  [`a:scrypt:16:1:1:${bytes(8)}:${HASH64}`, `a:scrypt:16:1:1:${bytes(7)}:${HASH64}`],
  [`a:scrypt:16:1:1:${SALT64}:${bytes(16)}`, `a:scrypt:16:1:1:${SALT64}:${bytes(15)}`],
  [`a:scrypt:16:1:1:${SALT64}:${bytes(128)}`, `a:scrypt:16:1:1:${SALT64}:${bytes(129)}`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:16:1:1:${SALT64}`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:16:1:1:${SALT64}:${HASH64}:`],
  [`a:scrypt:16:1:1:${SALT64}:${HASH64}`, `a:scrypt:16:1:1:$$$:${HASH64}`],
  [`a:b\nc:d`, "a:b\nc"],
] as const) {
  test(`parseUsers takes ${JSON.stringify(accepted)}, and not ${JSON.stringify(rejected)}`, () => {
    assert.ok(Array.isArray(parseUsers(accepted)));
    assert.match(String(parseUsers(rejected)), /^line [12] is not user:(?:password|scrypt:N:r:p:salt:hash)$/);
  });
}

test("A file of no user lets nobody in", () => {
  for (const text of ["", "\n", "# a:b\n"]) assert.equal(parseUsers(text), "has no user:password line");
});

for (const [kind, text] of [
  ["plain passwords", "prometheus:s3cret:é\nother:word\n"],
  ["hashed passwords", `prometheus:${scryptLine("s3cret:é")}\nother:${scryptLine("word")}\n`],
  ["both", `prometheus:${scryptLine("s3cret:é")}\nother:word\n`],
  ["both, the other way round", `prometheus:s3cret:é\nother:${scryptLine("word")}\n`],
  ["two passwords for a name", `prometheus:old\nprometheus:${scryptLine("s3cret:é")}\nother:${scryptLine("word")}\n`],
] as const) {
  test(`An authenticator of ${kind} lets in whom the file names, and nobody else`, async () => {
    const authenticate = authenticator(text);
    // Twice: from its memory it says the same.
    for (const [header, expected] of [
      [basic("prometheus:s3cret:é"), "granted"],
      [basic("prometheus:s3cret:é", "bAsIc"), "granted"],
      [basic("other:word"), "granted"],
      [undefined, "denied"],
      ["", "denied"],
      ["Basic", "denied"],
      ["Basic ", "denied"],
      ["Basic !!!", "denied"],
      [basic("prometheus"), "denied"],
      [basic(":"), "denied"],
      [basic(""), "denied"],
      [basic("prometheus:"), "denied"],
      [basic("prometheus:s3cret:"), "denied"],
      [basic("prometheus:s3cret:é "), "denied"],
      [basic("prometheus:word"), "denied"],
      [basic("other:s3cret:é"), "denied"],
      [basic("Other:word"), "denied"],
      [basic("nobody:word"), "denied"],
      [basic("prometheus:s3cret:é", "Bearer"), "denied"],
    ] as const) {
      for (const round of [1, 2]) assert.equal(await authenticate(header), expected, `${header} ${round}`);
    }
  });
}

test("A stored hash is not a password", async () => {
  const line = scryptLine("word");
  assert.equal(await authenticator(`a:${line}`)(basic(`a:${line}`)), "denied");
});

test("One scrypt runs and eight wait; the ninth is busy, and what was judged needs none", async () => {
  const authenticate = authenticator(`a:${scryptLine("right")}`);
  assert.equal(await authenticate(basic("a:right")), "granted");
  const guesses = Array.from({ length: 9 }, (_, index) => authenticate(basic(`a:wrong${index}`)));
  assert.equal(await authenticate(basic("a:another")), "busy");
  assert.equal(await authenticate(basic("a:right")), "granted");
  assert.deepEqual(
    await Promise.all(guesses),
    Array.from({ length: 9 }, () => "denied"),
  );
  assert.equal(await authenticate(basic("a:another")), "denied");
});

test("More wrong guesses than are remembered do not forget who was let in", async (t) => {
  const crypto = process.getBuiltinModule("node:crypto");
  const scrypt = t.mock.method(crypto, "scrypt");
  const authenticate = authenticator(`a:${scryptLine("right")}`);
  await authenticate(basic("a:right"));
  for (let i = 0; i < 65; i++) assert.equal(await authenticate(basic(`a:wrong${i}`)), "denied");
  assert.equal(scrypt.mock.callCount(), 66);
  assert.equal(await authenticate(basic("a:right")), "granted");
  assert.equal(await authenticate(basic("a:wrong64")), "denied");
  assert.equal(scrypt.mock.callCount(), 66);
  assert.equal(await authenticate(basic("a:wrong0")), "denied");
  assert.equal(scrypt.mock.callCount(), 67);
});

test("The largest scrypt that a file may ask for runs within its memory limit", async () => {
  for (const [N, r, p] of [
    [262_144, 8, 1],
    [2, 1, 16],
    [2, 32, 16],
  ] as const) {
    const maxmem = 300 * 1_048_576;
    const hash = scryptSync("word", SALT, 32, { N, r, p, maxmem }).toString("base64");
    assert.equal(await authenticator(`a:scrypt:${N}:${r}:${p}:${SALT64}:${hash}`)(basic("a:word")), "granted");
  }
});

test("loadAuth names the setting, the file and the line, and no secret", () => {
  const file = join(folder, "users");
  const setting = `REDTRAIL_PROMETHEUS_AUTH_FILE="${file}"`;
  assert.throws(() => loadAuth(file), { message: `${setting} cannot be read (ENOENT)` });
  assert.throws(() => loadAuth(folder), {
    message: `REDTRAIL_PROMETHEUS_AUTH_FILE="${folder}" cannot be read (EISDIR)`,
  });
  writeFileSync(file, "a:b\ns3cret\n");
  assert.throws(() => loadAuth(file), { message: `${setting} line 2 is not user:password` });
  writeFileSync(file, "");
  assert.throws(() => loadAuth(file), { message: `${setting} has no user:password line` });
  truncateSync(file, 1_048_577);
  assert.throws(() => loadAuth(file), { message: `${setting} is larger than 1048576 bytes` });
});

test("loadAuth reads a file of up to 1 MiB", async () => {
  const file = join(folder, "large");
  const users = "a:b\n";
  writeFileSync(file, users + "#".repeat(1_048_576 - users.length));
  assert.equal(await loadAuth(file)(basic("a:b")), "granted");
});

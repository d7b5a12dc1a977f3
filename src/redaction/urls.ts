// Takes secrets out of URLs: credentials, and the values of query keys that go by the names of secrets.

/** What stands in place of a secret. */
export const REDACTED = "REDACTED";

/** Query keys whose values are secrets, in lower case. Upstream's list, and the names that credentials go by. */
const SECRET_KEYS = new Set(
  `access_token accesstoken api_key api-key apikey auth authorization awsaccesskeyid client_secret clientsecret code
  credential credentials id_token jwt key passphrase passwd password private_key privatekey pwd refresh_token
  refreshtoken secret secret_key session session_id sessionid sid sig sign signature state token x-amz-credential
  x-amz-security-token x-amz-signature x-api-key x-goog-credential x-goog-signature`.split(/\s+/),
);
const SECRET_SUFFIXES = ["token", "secret", "password", "apikey", "api_key", "signature"];

function isSecret(rawKey: string): boolean {
  let key = rawKey;
  if (rawKey.includes("%")) {
    try {
      key = decodeURIComponent(rawKey);
    } catch {
      // Not decodable: judged as it stands.
    }
  }
  key = key.toLowerCase();
  // `user[password]` and `a.token` hide their secret behind a prefix.
  const name = key.endsWith("]") ? key.slice(key.lastIndexOf("[") + 1, -1) : key;
  return SECRET_KEYS.has(name) || SECRET_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** A query (without `?`) with the values of secret keys replaced; keys and order stay. */
export function redactQuery(query: string): string {
  if (!query.includes("=")) return query;
  let out = "";
  let copied = 0;
  let equals = -1;
  for (let start = 0; start < query.length;) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    if (equals < start) equals = query.indexOf("=", start);
    if (equals < 0) break;
    if (equals > start && equals < end - 1 && isSecret(query.slice(start, equals))) {
      out += query.slice(copied, equals + 1) + REDACTED;
      copied = end;
    }
    start = end + 1;
  }
  return copied === 0 ? query : out + query.slice(copied);
}

/** A path with its query, redacted; what stands before `?` is kept as it is. */
export function redactPath(path: string): string {
  const start = path.indexOf("?");
  if (start < 0) return path;
  const hash = path.indexOf("#", start);
  const end = hash < 0 ? path.length : hash;
  return path.slice(0, start + 1) + redactQuery(path.slice(start + 1, end)) + path.slice(end);
}

const CREDENTIALS = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;

/** An absolute URL with its credentials and its query's secrets replaced. */
export function redactUrl(url: string): string {
  const clean = url.includes("@") ? url.replace(CREDENTIALS, `$1${REDACTED}:${REDACTED}@`) : url;
  return redactPath(clean);
}

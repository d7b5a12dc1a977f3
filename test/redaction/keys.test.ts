import assert from "node:assert/strict";
import test from "node:test";
import { type AttributeContent, createKeyClassifier, isSecretHeader } from "../../src/redaction/keys.ts";

const classify = createKeyClassifier(["user.*", "*.Password"]);
const keys: readonly (readonly [string, AttributeContent])[] = [
  ["http.request.method", "other"],
  ["url.full", "url"],
  ["url.path", "url"],
  ["http.target", "url"],
  ["url.query", "query"],
  ["db.query.text", "db-statement"],
  ["db.statement", "db-statement"],
  ["db.query.parameter.0", "db-parameter"],
  ["db.postgresql.values", "db-parameter"],
  ["exception.message", "text"],
  ["http.request.header.authorization", "secret-header"],
  ["http.request.header.x_api_key", "secret-header"],
  ["http.response.header.set-cookie", "secret-header"],
  ["http.response.header.location", "url"],
  ["rpc.grpc.request.metadata.authorization", "secret-header"],
  ["http.request.header.", "other"],
  ["user.email", "secret-key"],
  ["USER.name", "secret-key"],
  ["app.password", "secret-key"],
  ["users.email", "other"],
];
for (const [key, expected] of keys) {
  test(`createKeyClassifier says of ${key} that it is ${expected}`, () => assert.equal(classify(key), expected));
}

const secretHeaders = `authorization Proxy-Authorization cookie set-cookie x-api-key apikey x-auth-token x-access-token
  private-token x-csrf-token x-vault-token client-secret x-hub-signature-256 x-goog-iap-jwt-assertion x-amz-security-token
  x-amzn-oidc-accesstoken ocp-apim-subscription-key x-functions-key x-session-id x_api_key x-db-password`.split(/\s+/);
const openHeaders =
  `accept content-type host referer location user-agent x-request-id traceparent x-ratelimit-remaining-tokens
  idempotency-key sec-websocket-key www-authenticate x-author x-tenant x-cache-key`.split(/\s+/);
test("isSecretHeader knows the names that credentials go by, and no others", () => {
  assert.deepEqual(
    secretHeaders.filter((name) => !isSecretHeader(name)),
    [],
  );
  assert.deepEqual(openHeaders.filter(isSecretHeader), []);
});

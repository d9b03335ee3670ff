import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { readClaims, readToken } from "../claims.mjs";
import { Refusal } from "../errors.mjs";
import { apiKey } from "../keys.mjs";

const NOW = 1_800_000_000;
const auth = { publishable_key: "sb_publishable_p", secret_key: "sb_secret_s", jwt_secret: "a-secret-of-this-test" };
const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const hmac = (text, secret = auth.jwt_secret) => createHmac("sha256", secret).update(text).digest("base64url");
function token(claims, { header = { alg: "HS256", typ: "JWT" }, secret } = {}) {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${hmac(text, secret)}`;
}
const good = { sub: "7f0c5b2e-0000-4000-8000-000000000001", role: "authenticated", exp: NOW + 60 };
const asked = (bearer, key = auth.publishable_key) =>
  readClaims({ apikey: key, authorization: `Bearer ${bearer}` }, new URLSearchParams(), auth, NOW);

test("a good token gives its claims", () => assert.deepEqual(asked(token(good)), good));
test("a key alone is a role", () => {
  assert.deepEqual(readClaims({ apikey: auth.publishable_key }, null, auth), { role: "anon" });
  assert.deepEqual(readClaims({ apikey: auth.secret_key, authorization: `Bearer ${auth.secret_key}` }, null, auth), { role: "service_role" });
  assert.deepEqual(readClaims({}, new URLSearchParams({ apikey: auth.publishable_key }), auth), { role: "anon" });
});
test("a token without a role is nobody's", () => assert.equal(asked(token({ sub: "x" })).role, "anon"));

const BAD = {
  "one part": "abc", "empty parts": "..", "two parts": "a.b", "four parts": `${token(good)}.x`, "no base64": "%%%.%%%.%%%",
  "no JSON": `${encode("{")}.${encode("{")}.x`, "a header that is null": `${encode("null")}.${encode(good)}.x`,
  "signature cut": token(good).slice(0, -4), "another secret": token(good, { secret: "x" }),
  "alg none": `${encode({ alg: "none" })}.${encode(good)}.`, "alg none, signed": token(good, { header: { alg: "none" } }),
  "alg HS512": token(good, { header: { alg: "HS512" } }), "crit": token(good, { header: { alg: "HS256", crit: ["b64"] } }),
  "claims that are a list": token([1]), "claims that are text": token("x"), "expired": token({ ...good, exp: NOW - 31 }),
  "exp as text": token({ ...good, exp: "later" }), "not yet": token({ ...good, nbf: NOW + 31 }), "from the future": token({ ...good, iat: NOW + 31 }),
  "audience of numbers": token({ ...good, aud: [1] }), "a superuser": token({ ...good, role: "postgres" }), "role as list": token({ ...good, role: ["anon"] }),
  "odd session": token({ ...good, session_id: "' or true" }), "a wrong key": "sb_secret_x", "very long": "a".repeat(60_000), "deep": token(JSON.stringify(good).replace("}", `,"a":${"[".repeat(50_000)}}`)),
};
for (const [name, bearer] of Object.entries(BAD))
  test(`refused: ${name}`, () => {
    const got = asked(bearer);

    assert.ok(got instanceof Refusal, JSON.stringify(got).slice(0, 200));
    assert.equal(got.status, 401);
    assert.deepEqual(Object.keys(got.body).sort(), ["code", "details", "hint", "message"]);
  });

test("claims that look like a refusal are claims", () => {
  const claims = { ...good, status: 200, body: "x" };
  assert.deepEqual(asked(token(claims)), claims);
});
test("30 seconds of clock skew are forgiven", () => assert.ok(!(readToken(token({ ...good, exp: NOW - 29 }), auth.jwt_secret, NOW) instanceof Refusal)));
test("a wrong, an empty and a missing key are 401", () => {
  for (const apikey of ["x", "", undefined]) assert.equal(apiKey({ apikey }, new URLSearchParams(), auth).status, 401);
});
test("the secret key is refused from a browser", () =>
  assert.equal(apiKey({ apikey: auth.secret_key, "user-agent": "Mozilla/5.0 (X11)" }, null, auth).status, 401));
test("an unset key lets nobody in", () => assert.equal(apiKey({ apikey: "" }, null, { publishable_key: "", secret_key: "" }).status, 401));

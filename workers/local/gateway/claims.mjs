// claims.mjs: who is asking. API key and bearer token become claims, or the 401 that PostgREST gives.
import { createHmac, timingSafeEqual } from "node:crypto";
import { badToken, Refusal } from "./errors.mjs";
import { apiKey } from "./keys.mjs";

const ROLES = new Set(["anon", "authenticated", "service_role"]);
const SKEW = 30;                                         // seconds, as PostgREST allows
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isAudience = (value) => typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"));

function part(text) {
  try {
    const value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The claims of a signed token, or a Refusal. Never throws, whatever the token. */
export function readToken(token, secret, now = Date.now() / 1000) {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.includes("")) return badToken("PGRST301", `Expected 3 parts in JWT; got ${parts.filter(Boolean).length}`);
  const [head, body, signature] = parts;
  const header = part(head);
  // Only the algorithm this stack signs with: `none`, or a public-key algorithm keyed with our secret, is a forgery.
  if (header?.alg !== "HS256" || header.crit !== undefined) return badToken("PGRST301", "No suitable key or wrong key type");
  const want = createHmac("sha256", secret).update(`${head}.${body}`).digest();
  const got = Buffer.from(signature, "base64url");
  if (got.length !== want.length || !timingSafeEqual(got, want))
    return badToken("PGRST301", "No suitable key or wrong key type", "None of the keys was able to decode the JWT");
  const claims = part(body);
  if (!claims) return badToken("PGRST303", "Parsing claims failed");
  for (const name of ["exp", "nbf", "iat"])
    if (claims[name] !== undefined && !Number.isFinite(claims[name])) return badToken("PGRST303", `The JWT '${name}' claim must be a number`);
  if (claims.exp !== undefined && claims.exp < now - SKEW) return badToken("PGRST303", "JWT expired");
  if (claims.nbf > now + SKEW) return badToken("PGRST303", "JWT not yet valid");
  if (claims.iat > now + SKEW) return badToken("PGRST303", "JWT issued at future");
  if (claims.aud !== undefined && claims.aud !== null && !isAudience(claims.aud))
    return badToken("PGRST303", "The JWT 'aud' claim must be a string or an array of strings");
  return claims;
}

/** The claims of a request ({role, …}), or a Refusal. */
export function readClaims(headers, query, auth, now) {
  const shown = apiKey(headers, query, auth);
  if (shown instanceof Refusal) return shown;
  const token = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? "")?.[1].trim();
  if (!token || token === shown.key) return { role: shown.role };
  const claims = readToken(token, auth.jwt_secret, now);
  if (claims instanceof Refusal) return claims;
  const role = claims.role ?? "anon";
  if (!ROLES.has(role)) return badToken("22023", "The role of this token does not exist");
  if (claims.session_id !== undefined && !UUID.test(claims.session_id)) return badToken("PGRST303", "JWT session is unknown");
  return { ...claims, role };
}

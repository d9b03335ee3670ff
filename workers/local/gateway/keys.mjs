// keys.mjs: the two API keys. A request shows one in `apikey` (header or query); the key alone is a role.
import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal } from "./errors.mjs";

const digest = (text) => createHash("sha256").update(text).digest();

/** Equal, in a time that tells nothing about where they differ. */
export const sameSecret = (a, b) =>
  typeof a === "string" && typeof b === "string" && b !== "" && timingSafeEqual(digest(a), digest(b));

const refused = (message, hint, code) => new Refusal(401, { message, hint }, { "sb-error-code": code });

/** {key, role} of a request, or the refusal that Supabase's gateway gives. */
export function apiKey(headers, query, { publishable_key, secret_key }) {
  const key = headers.apikey ?? query?.get("apikey");
  if (!key) return refused("No API key found in request", "No `apikey` request header or url param was found.", "UNAUTHORIZED_MISSING_API_KEY");
  if (sameSecret(key, publishable_key)) return { key, role: "anon" };
  if (!sameSecret(key, secret_key))
    return refused("Invalid API key", "Double check your Supabase `apikey`", "UNAUTHORIZED_INVALID_API_KEY");
  if (/^\s*Mozilla\/5\.0/i.test(headers["user-agent"] ?? ""))
    return refused("Forbidden use of secret API key in browser", "The secret key belongs on a server.", "UNAUTHORIZED_INVALID_API_KEY_TYPE");
  return { key, role: "service_role" };
}

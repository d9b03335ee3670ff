// call.mjs: one call of a function as one message to Postgres, and its answer. Pure; rpc.mjs sends it.
//
// A call is `select set_config(…); select … from f(…)`. Several statements in one simple query are one transaction
// and rolled back as one: a single round trip, and no connection can be left inside a transaction. Texts that come
// from outside stand in dollar quotes whose tag is random for each call.
import { randomBytes } from "node:crypto";
import { problem, Refusal } from "./errors.mjs";
import { isJson, topLevelKeys } from "./json.mjs";

const ONE = /application\/vnd\.pgrst\.object/;
const PRIVATE_HEADERS = new Set(["apikey", "authorization", "cookie"]);

export const identifier = (name) => `"${name.replaceAll('"', '""')}"`;

/** A function that quotes any text for one message. */
export function quoter(...texts) {
  let tag;
  do tag = `$f${randomBytes(12).toString("hex")}$`;
  while (texts.some((text) => text.includes(tag)));
  return (text) => tag + text + tag;
}

/** Milliseconds of a statement_timeout such as `8s`; 0 when there is none. */
export function milliseconds(text) {
  const [, amount, unit = "ms"] = /^(\d+)\s*(ms|s|min|h)?$/.exec(text ?? "") ?? [];
  return amount ? Number(amount) * { ms: 1, s: 1000, min: 60_000, h: 3_600_000 }[unit] : 0;
}

/** True when this call needs what only lite does: filters, ordering or pages over a function's rows, CSV, plans. */
export const isForLite = (query, headers) =>
  [...query.keys()].some((key) => key !== "apikey" && key !== "columns")
  || /text\/csv|vnd\.pgrst\.plan|nulls=stripped/.test(headers.accept ?? "");

/** The arguments' JSON and their names, from a body of any accepted type; or a Refusal. */
export function readArguments(text, contentType, columns) {
  const type = (contentType ?? "application/json").split(";")[0].trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") {
    const given = Object.fromEntries(new URLSearchParams(text));
    return { json: JSON.stringify(given), keys: Object.keys(given) };
  }
  if (type !== "application/json" && type !== "") return problem(400, "PGRST102", `Content-Type not acceptable: ${type}`);
  if (text.trim() === "") return { json: "{}", keys: [] };
  const keys = topLevelKeys(text);
  if (keys === undefined || (keys === null && !isJson(text))) return problem(400, "PGRST102", "Empty or invalid json");
  return { json: text, keys: keys && columns ? columns.split(",") : keys };
}

/** The function that these argument names fit, with the arguments to pass; or a Refusal. PostgREST's rules. */
export function choose(functions, keys, schema, name) {
  const fits = keys === null ? [] : functions.filter((f) =>
    keys.every((key) => f.args.some((arg) => arg.name === key))
    && f.args.slice(0, f.required).every((arg) => arg.name && keys.includes(arg.name)));
  if (fits.length === 1) return { f: fits[0], args: fits[0].args.filter((arg) => keys.includes(arg.name)) };
  const whole = functions.filter((f) => f.args.length === 1 && !f.args[0].name && /^jsonb?$/.test(f.args[0].type));
  if (fits.length === 0 && whole.length === 1) return { f: whole[0], args: null };
  if (fits.length > 1)
    return problem(300, "PGRST203", `Could not choose the best candidate function between: ${fits.length} overloads of ${schema}.${name}`,
      null, "Try renaming the parameters or the function itself in the database so function overloading can be resolved");
  const called = keys?.length ? `(${[...keys].sort().join(", ")})` : " without parameters";
  return problem(404, "PGRST202", `Could not find the function ${schema}.${name}${called} in the schema cache`,
    `Searched for the function ${schema}.${name}${called}, but no matches were found in the schema cache.`);
}

/** The call itself; `body` is the quoted JSON of the arguments. */
export function callOf(schema, name, { f, args }, body) {
  const fn = `${identifier(schema)}.${identifier(name)}`;
  const result = f.isVoid ? "null::text" : f.isSet ? "coalesce(json_agg(pgrst_call), '[]')::text" : "to_json(pgrst_call)::text";
  const from = args === null
    ? `${fn}(${body}::${f.args[0].type}) pgrst_call`
    : args.length === 0
      ? `${fn}() pgrst_call`
      : `json_to_record(${body}::json) pgrst_body(${args.map((arg) => `${identifier(arg.name)} ${arg.type}`).join(", ")}), `
        + `lateral ${fn}(${args.map((arg) => `${identifier(arg.name)} := pgrst_body.${identifier(arg.name)}`).join(", ")}) pgrst_call`;
  // count() makes a void function run although nothing of its result is wanted.
  return `select ${f.isVoid ? "count(pgrst_call)::text" : f.isSet ? "count(pgrst_call)::text" : "'1'"} as n, ${result} as r, `
    + `nullif(current_setting('response.status', true), '') as status, `
    + `nullif(current_setting('response.headers', true), '') as headers from ${from}`;
}

/** What a request is in SQL: role, claims, search path and the role's own settings, all for this transaction only. */
export function settingsOf(who, { isReadOnly, roleSettings }, { schema, extra, method, path, headers }) {
  const shown = {};
  for (const [key, value] of Object.entries(headers)) if (!PRIVATE_HEADERS.has(key)) shown[key] = value;
  return {
    ...roleSettings,
    search_path: [schema, ...extra].map(identifier).join(", "),
    "request.jwt.claims": JSON.stringify(who),
    "request.jwt.claim.sub": String(who.sub ?? ""),      // the older names: lite's own auth.uid() reads only these
    "request.jwt.claim.role": who.role,
    "request.jwt.claim.email": String(who.email ?? ""),
    "request.method": method,
    "request.path": path,
    "request.headers": JSON.stringify(shown),
    ...(isReadOnly ? { transaction_read_only: "on" } : {}),
    role: who.role,
  };
}

/** Headers that the function asked for: `set_config('response.headers', '[{"x-a": "b"}]', true)`. */
function askedFor({ status, headers }) {
  try {
    const given = headers ? Object.assign({}, ...JSON.parse(headers)) : {};
    const code = status ? Number(status) : undefined;
    if (code !== undefined && !(code >= 200 && code <= 599)) throw new Error("status");
    return { code, given };
  } catch {
    return problem(500, "PGRST111", "response.headers or response.status was set to something else than HTTP knows");
  }
}

/** The answer to a call that went through. */
export function answerOf(f, row, accept) {
  const asked = askedFor(row);
  if (asked instanceof Refusal) return asked;
  const { code, given } = asked;
  if (f.isVoid) return { status: code ?? 204, headers: given };
  const headers = { ...given, "content-range": f.isSet ? (row.n === "0" ? "*/*" : `0-${row.n - 1}/*`) : "0-0/*" };
  if (f.isSet && ONE.test(accept ?? "")) {
    if (row.n !== "1") return problem(406, "PGRST116", "Cannot coerce the result to a single JSON object", `The result contains ${row.n} rows`);
    return { status: code ?? 200, body: row.r.slice(1, -1), headers };
  }
  return { status: code ?? 200, body: row.r ?? "null", headers };
}

/** One call as one message for Postgres. */
export function messageOf(schema, name, chosen, settings, json) {
  const quote = quoter(json, ...Object.values(settings));
  const set = Object.entries(settings).map(([key, value]) => `set_config('${key.replaceAll("'", "''")}', ${quote(value)}, true)`);
  return `select ${set.join(", ")}; ${callOf(schema, name, chosen, quote(json))}`;
}

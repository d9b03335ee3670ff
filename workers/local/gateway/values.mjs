// values.mjs: column values in PostgREST's JSON form, for the tables that lite answers.
// lite hands JavaScript values to JSON.stringify, which turns timestamps, numeric, bytea and big integers into
// something else than Postgres would print. (Results of rpc never come here: Postgres writes them as JSON itself.)

const NUMBER = /^-?\d+(\.\d+)?$/;

/** `2026-01-02 03:04:05+00` as JSON writes it: `2026-01-02T03:04:05+00:00`. */
export const isoTime = (text) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");

/** A number with every digit it has; `NaN` and `Infinity` stay text, as in Postgres's to_json. */
export const exactNumber = (text) => (NUMBER.test(text) ? JSON.rawJSON(text) : text);

/** A bigint: a plain number where JavaScript can hold it. */
export const bigNumber = (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : exactNumber(text));

/** A float: `NaN` and `Infinity` are no JSON numbers. */
export const floatNumber = (text) => (Number.isFinite(Number(text)) ? Number(text) : text);

/** json and jsonb: long numbers inside keep their digits. */
export function jsonValue(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && String(value) !== context.source && NUMBER.test(context.source) ? JSON.rawJSON(context.source) : value);
}

/**
 * A value that lite binds to a json or jsonb column. Its sign-in code hands over objects that are JSON text already:
 * encoded again, user_metadata would be a string in the database, and `raw_user_meta_data ->> 'name'` null.
 */
export const writtenJson = (value) => (typeof value === "string" && isObjectText(value) ? value : JSON.stringify(value));

function isObjectText(text) {
  try {
    return text.startsWith("{") && typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

const LONG = /(^|[.(,])(-?\d{16,})(?=$|[),])/g;

/**
 * The query of a table request with its long numbers in quotes: lite reads a bare one as a JavaScript number, and an
 * 18-digit id would match its neighbours, or nothing. Changed only where there is such a number.
 */
export function exactFilters(search) {
  if (!/\d{16}/.test(search)) return search;
  const query = new URLSearchParams(search);
  return `?${new URLSearchParams([...query].map(([name, value]) => [name, value.replace(LONG, '$1"$2"')]))}`;
}

const same = (value) => value;
const type = (oid, parse, serialize = String) => ({ to: oid, from: [oid], serialize, parse });

/** By name, as postgres.js takes them; the names are those lite gives its own. */
export const types = {
  date: type(1082, same), timestamp: type(1114, isoTime), timestamptz: type(1184, isoTime),
  numeric: type(1700, exactNumber), bigint: type(20, bigNumber), bytea: type(17, same, same),
  json: type(114, jsonValue, writtenJson), jsonb: type(3802, jsonValue, writtenJson),
  float4: type(700, floatNumber), float8: type(701, floatNumber),
};

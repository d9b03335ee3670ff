// functions.mjs: the functions of the exposed schemas, as rpc.mjs needs them.
// PostgREST reads them once and again on NOTIFY; here each name is read when it is called, kept for a second, and
// for ten more while a fresh copy is fetched beside the call. So a migration needs no reload.
import { rpcPool } from "./database.mjs";

const FRESH_MS = 1000, KEEP_MS = 10_000;
const known = new Map();

const LOOKUP = `
select p.provolatile::text, p.proretset, p.prorettype = 'void'::regtype as isvoid, p.pronargs - p.pronargdefaults as required,
       coalesce(p.proargnames, '{}') as names, coalesce(p.proargmodes::text[], '{}') as modes,
       array(select format_type(t, null) from unnest(p.proargtypes) with ordinality u(t, i) order by i) as types,
       current_setting('statement_timeout') as login_timeout,
       (select coalesce(json_object_agg(split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)), '{}')::text
          from pg_roles r, unnest(r.rolconfig) c where r.rolname = $3) as settings
  from pg_proc p
 where p.pronamespace = to_regnamespace($1) and p.proname = $2 and p.prokind = 'f' and p.provariadic = 0`;

function described(row) {
  const inputs = row.modes.length ? row.names.filter((_, i) => "ib".includes(row.modes[i])) : row.names;
  return {
    isReadOnly: row.provolatile !== "v", isSet: row.proretset, isVoid: row.isvoid, required: row.required,
    roleSettings: JSON.parse(row.settings), args: row.types.map((type, i) => ({ type, name: inputs[i] || null })),
  };
}

async function read(key, schema, name, role) {
  const rows = await rpcPool.unsafe(LOOKUP, [`"${schema.replaceAll('"', '""')}"`, name, role], { prepare: true });
  const list = rows.map(described);
  list.loginTimeout = rows[0]?.login_timeout;
  list.at = Date.now();
  if (list.length) known.set(key, list);                 // names that do not exist are not kept: anyone can invent them
  else known.delete(key);
  return list;
}

/** The functions of that name, with `isOld` when they were not read just now. */
export async function functionsNamed(schema, name, role, mustBeNew = false) {
  const key = `${schema}\0${name}\0${role}`, list = known.get(key);
  const age = list ? Date.now() - list.at : Infinity;
  if (mustBeNew || age > KEEP_MS) return read(key, schema, name, role);
  if (age > FRESH_MS && !list.isRefreshing) {
    list.isRefreshing = true;
    read(key, schema, name, role).catch(() => { list.isRefreshing = false; });
  }
  list.isOld = true;
  return list;
}

// tables.mjs: what must be true before lite may answer for a table.
// lite checks tokens more loosely than PostgREST (a broken one counts as none), answers an insert of nothing or a
// change of nothing with success without asking Postgres, and writes names without their schema: to a role that may
// not enter the schema every table is "not found". So the caller is read here first, and for who has no session, or
// comes with the secret key, Postgres is asked what that role lacks.
import { readClaims } from "./claims.mjs";
import { authPool } from "./database.mjs";
import { httpStatus, problem, Refusal } from "./errors.mjs";
import { endedSession } from "./sessions.mjs";

const PRIVILEGE = { POST: "insert", PUT: "insert", PATCH: "update", DELETE: "delete" };

/** What Postgres would refuse a role before it looks at a row; undefined when nothing. */
async function lacking(role, schema, table, privilege) {
  const [row] = await authPool.unsafe(`
    select has_schema_privilege($1, n.oid, 'usage') as enters,
           case $4 when '' then true when 'delete' then has_table_privilege($1, c.oid, 'delete') else has_any_column_privilege($1, c.oid, $4) end as writes
      from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname = $3 and c.relkind in ('r', 'p', 'v', 'm', 'f')
     where n.nspname = $2`, [role, schema, table, privilege ?? ""]);
  const status = httpStatus("42501", role === "anon");
  if (row && !row.enters) return problem(status, "42501", `permission denied for schema ${schema}`);
  if (row?.writes === false) return problem(status, "42501", `permission denied for table ${table}`);
  return undefined;
}

/** undefined when lite may answer this request to /rest/v1, else the Refusal. */
export async function tableRefusal(req, url, config) {
  const who = readClaims(req.headers, url.searchParams, config.auth);
  if (who instanceof Refusal) return who;
  const ended = await endedSession(who);
  if (ended) return ended;
  const path = url.pathname.slice("/rest/v1/".length);
  if (path === "rpc" || path === "rpc/") return problem(404, "PGRST125", "Invalid path specified in request URL");
  if (path === "" && who.role !== "service_role") return new Refusal(who.role === "anon" ? 401 : 403, { message: "You cannot consume this service" });
  const privilege = PRIVILEGE[req.method];
  if (!["GET", "HEAD"].includes(req.method) && !privilege) return problem(405, "PGRST117", `Unsupported HTTP method: ${req.method}`);
  if (who.role === "authenticated" || path === "") return undefined;
  let table;
  try {
    table = decodeURIComponent(path);
  } catch {
    return problem(400, "PGRST125", "Invalid path specified in request URL");
  }
  const schema = req.headers[privilege ? "content-profile" : "accept-profile"] ?? config.api.schemas[0];
  return config.api.schemas.includes(schema) ? lacking(who.role, schema, table, privilege) : undefined;   // else lite's 406
}

// admin.mjs: the part of Supabase Auth's admin API that lite lacks and Flow's commands use, secret key only:
// create, list, read and delete people, as supabase.auth.admin.* asks for them.
import { randomUUID } from "node:crypto";
import bcrypt from "bcryptjs";
import { readClaims } from "./claims.mjs";
import { authPool } from "./database.mjs";
import { databaseProblem, Refusal } from "./errors.mjs";
import { readText, send } from "./http.mjs";
import { forgetSessions } from "./sessions.mjs";

export const PREFIX = "/auth/v1/admin/";
const ADDRESS = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,190}$/, UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const COST = 10;                                         // lite's own
const refuse = (status, slug, msg) => new Refusal(status, { code: status, error_code: slug, msg }, { "x-sb-error-code": slug });
const notFound = () => refuse(404, "user_not_found", "User not found");

const PERSON = `json_build_object('id', u.id, 'aud', u.aud, 'role', u.role, 'email', u.email, 'phone', coalesce(u.phone, ''),
  'email_confirmed_at', u.email_confirmed_at, 'confirmed_at', u.confirmed_at, 'last_sign_in_at', u.last_sign_in_at,
  'app_metadata', u.raw_app_meta_data, 'user_metadata', u.raw_user_meta_data, 'is_anonymous', u.is_anonymous,
  'created_at', u.created_at, 'updated_at', u.updated_at,
  'identities', coalesce((select json_agg(json_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id,
      'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at,
      'created_at', i.created_at, 'updated_at', i.updated_at)) from auth.identities i where i.user_id = u.id), '[]'))::text as person`;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** What the body of a create asks for, or a Refusal. */
export function wanted(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return refuse(400, "bad_json", "Could not parse request body as JSON");
  }
  if (!isObject(body)) return refuse(400, "bad_json", "The body must be a JSON object");
  const { email, password, email_confirm = false, user_metadata = {}, app_metadata = {} } = body;
  if (typeof email !== "string" || !ADDRESS.test(email.trim())) return refuse(400, "validation_failed", "Unable to validate email address: invalid format");
  if (password !== undefined && password !== null && password !== "") {
    if (typeof password !== "string" || password.length < 6) return refuse(422, "weak_password", "Password should be at least 6 characters.");
    if (Buffer.byteLength(password) > 72) return refuse(422, "validation_failed", "Password cannot be longer than 72 characters");
  }
  if (!isObject(user_metadata ?? {}) || !isObject(app_metadata ?? {})) return refuse(400, "validation_failed", "Metadata must be a JSON object");
  return { email: email.trim().toLowerCase(), password: password || null, isConfirmed: email_confirm === true,
    userMetadata: user_metadata ?? {}, appMetadata: app_metadata ?? {} };
}

async function create({ email, password, isConfirmed, userMetadata, appMetadata }) {
  const id = randomUUID(), hash = password ? await bcrypt.hash(password, COST) : null;
  const shown = JSON.stringify({ ...userMetadata, email, email_verified: isConfirmed, phone_verified: false, sub: id });
  const app = JSON.stringify({ ...appMetadata, provider: "email", providers: ["email"] });
  try {
    const [row] = await authPool.begin(async (sql) => {
      await sql.unsafe(`insert into auth.users (id, email, encrypted_password, email_confirmed_at, raw_user_meta_data, raw_app_meta_data)
        values ($1, $2, $3, case when $4::text = 'true' then now() end, $5::text::jsonb, $6::text::jsonb)`,
      [id, email, hash, String(isConfirmed), shown, app]);
      await sql.unsafe(`insert into auth.identities (id, provider, provider_id, user_id, identity_data)
        values ($1, 'email', $2, $3, jsonb_build_object('email', $4::text, 'email_verified', false, 'phone_verified', false, 'sub', $2::text))`,
      [randomUUID(), id, id, email]);
      return sql.unsafe(`select ${PERSON} from auth.users u where u.id = $1`, [id]);
    });
    return { status: 200, body: row.person };
  } catch (error) {
    if (error.code === "23505") return refuse(422, "email_exists", "A user with this email address has already been registered");
    throw error;
  }
}

async function list(query) {
  const positive = (name, otherwise) => Math.max(1, Math.min(1000, Number.parseInt(query.get(name) ?? "", 10) || otherwise));
  const size = positive("per_page", 50), page = positive("page", 1);
  const rows = await authPool.unsafe(`select ${PERSON}, count(*) over () as total from auth.users u order by u.created_at desc, u.id
    limit $1 offset $2`, [size, (page - 1) * size]);
  return { status: 200, body: `{"users":[${rows.map((row) => row.person).join(",")}],"aud":"authenticated"}`,
    headers: { "x-total-count": String(rows[0]?.total ?? 0) } };
}

async function one(id, method) {
  if (!UUID.test(id)) return notFound();
  const [row] = await authPool.unsafe(`select ${PERSON} from auth.users u where u.id = $1`, [id]);
  if (!row) return notFound();
  if (method === "GET") return { status: 200, body: row.person };
  await authPool.unsafe("delete from auth.users where id = $1", [id]);
  forgetSessions();
  return { status: 200, body: row.person };
}

/** Answers /auth/v1/admin/users and /auth/v1/admin/users/<id>. */
export async function admin(req, res, url, config) {
  const text = await readText(req, 1024 * 1024);
  const who = readClaims(req.headers, url.searchParams, config.auth);
  if (who instanceof Refusal) return send(res, who);
  if (who.role === "anon") return send(res, refuse(401, "no_authorization", "This endpoint requires a valid Bearer token"));
  if (who.role !== "service_role") return send(res, refuse(403, "not_admin", "User not allowed"));
  if (text instanceof Refusal) return send(res, text);
  const [what, id, more] = url.pathname.slice(PREFIX.length).split("/");
  try {
    if (what !== "users" || more !== undefined) return send(res, refuse(404, "not_found", "This stack has no such admin endpoint"));
    if (id && (req.method === "GET" || req.method === "DELETE")) return send(res, await one(id, req.method));
    if (!id && req.method === "GET") return send(res, await list(url.searchParams));
    if (id || req.method !== "POST") return send(res, refuse(405, "method_not_allowed", "This stack cannot do that to people"));
    const person = wanted(text);
    send(res, person instanceof Refusal ? person : await create(person));
  } catch (error) {
    const { status, body } = databaseProblem(error, false);
    send(res, refuse(status, "unexpected_failure", body.message));
  }
}

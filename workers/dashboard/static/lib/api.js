// api.js: the only way to the server. Reads go through RLS, writes through functions of the database, and what needs
// a secret through /api/*. Whatever fails is thrown as a Problem.
import { asProblem, fromPostgrest, Problem } from "./problems.js"
import { org, renew, supabase } from "./session.js"

const PATIENCE = 20_000

/** Calls a function of the database for the organization. */
export const rpc = (name, args = {}) =>
  answer(() => supabase.rpc(name, org.value ? { org_id: org.value.id, ...args } : args).abortSignal(AbortSignal.timeout(PATIENCE)))

/** Calls a function that is for no organization. */
export const rpcAlone = (name, args = {}) => answer(() => supabase.rpc(name, args).abortSignal(AbortSignal.timeout(PATIENCE)))

/** Reads rows of the organization: `rows("tags", (query) => query.select("id, name").order("name"))`. */
export const rows = (table, ask) => answer(() => ask(supabase.from(table)).eq("org_id", org.value.id))

async function answer(ask, isSecond = false) {
  const { data, error, status } = await ask()
  if (!error) return data
  const problem = fromPostgrest(error, status)
  if (problem.status === 401 && !isSecond && (await renew())) return answer(ask, true)
  throw problem
}

/** Asks a worker: POST /api/<action> with {org_id, ...body}; gives its JSON. */
export async function post(action, body = {}) {
  return (await ask(action, JSON.stringify({ org_id: org.value?.id, ...body }), { "Content-Type": "application/json" })).json()
}

/** As post, for files to download. */
export async function download(action, body = {}) {
  const response = await ask(action, JSON.stringify({ org_id: org.value?.id, ...body }), { "Content-Type": "application/json" })
  return response.blob()
}

/** Sends a form with a file to a worker. */
export async function upload(action, form) {
  return (await ask(action, form, {}, 120_000)).json()
}

async function ask(action, body, headers, patience = PATIENCE, isSecond = false) {
  const { data: { session } } = await supabase.auth.getSession()
  let response
  try {
    response = await fetch(`/api/${action}`, {
      method: "POST",
      body,
      headers: { ...headers, Authorization: `Bearer ${session?.access_token ?? ""}` },
      signal: AbortSignal.timeout(patience),
    })
  } catch (error) {
    throw asProblem(error)
  }
  if (response.ok) return response
  if (response.status === 401 && !isSecond && (await renew())) return ask(action, body, headers, patience, true)
  const told = await response.json().catch(() => ({}))
  throw new Problem({ status: response.status, detail: told.detail, message: told.message, retryAt: told.retry_at ?? null })
}

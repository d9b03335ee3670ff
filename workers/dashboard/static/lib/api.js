// api.js: the only way to the server. Reads go through RLS, writes through functions of the database, and what needs
// a secret through /api/*. Whatever fails is thrown as a Problem.
import { asProblem, fromPostgrest, Problem } from "./problems.js"
import { loadOrganizations, org, renew, supabase } from "./session.js"
import { traceparent } from "./trace.js"

const PATIENCE = 20_000
// Others needed the same rows at the same moment (a deadlock, a lock that did not come free): the call was undone whole.
const UNDONE = new Set(["40001", "40P01", "55P03"])
const PAUSES = [50, 250]

/** Calls a function of the database for the organization. */
export const rpc = (name, args = {}) => answer(() => supabase.rpc(name, org.value ? { org_id: org.value.id, ...args } : args))

/** Calls a function that is for no organization. */
export const rpcAlone = (name, args = {}) => answer(() => supabase.rpc(name, args))

/** Reads rows of the organization: `rows("tags", (query) => query.select("id, name").order("name"))`. */
export const rows = (table, ask) => answer(() => ask(supabase.from(table)).eq("org_id", org.value.id))

async function answer(ask, isRenewed = false, tries = 0) {
  // In the trace of the page, and with it the job that the database wakes for what was asked.
  const { data, error, status } = await ask().setHeader("traceparent", traceparent()).abortSignal(AbortSignal.timeout(PATIENCE))
  if (!error) return data
  if (UNDONE.has(error.code) && tries < PAUSES.length) {
    await new Promise((resume) => setTimeout(resume, PAUSES[tries]))
    return answer(ask, isRenewed, tries + 1)
  }
  const problem = fromPostgrest(error, status)
  if (problem.status === 401 && !isRenewed && (await renew())) return answer(ask, true, tries)
  if (problem.detail === "organization_not_found") loadOrganizations().catch(() => {}) // it was deleted, or the person removed
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

/** As upload, telling how much has gone (0 to 1); signal: ends it. */
export async function uploadWatched(action, form, onProgress, signal, isSecond = false) {
  const { data: { session } } = await supabase.auth.getSession()
  const { status, text } = await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open("POST", `/api/${action}`)
    request.setRequestHeader("Authorization", `Bearer ${session?.access_token ?? ""}`)
    request.setRequestHeader("traceparent", traceparent())
    request.timeout = 300_000
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0)
    request.onload = () => resolve({ status: request.status, text: request.responseText })
    request.onerror = () => reject(asProblem(new TypeError("no answer")))
    request.ontimeout = request.onabort = () => reject(new Problem({ detail: "timeout" }))
    signal?.addEventListener("abort", () => request.abort())
    request.send(form)
  })
  if (status < 300) return JSON.parse(text)
  if (status === 401 && !isSecond && (await renew())) return uploadWatched(action, form, onProgress, signal, true)
  let told = {}
  try { told = JSON.parse(text) } catch { /* a proxy's page */ }
  throw new Problem({ status, detail: told.detail, message: told.message, retryAt: told.retry_at ?? null })
}

async function ask(action, body, headers, patience = PATIENCE, isSecond = false) {
  const { data: { session } } = await supabase.auth.getSession()
  let response
  try {
    response = await fetch(`/api/${action}`, {
      method: "POST",
      body,
      headers: { ...headers, traceparent: traceparent(), Authorization: `Bearer ${session?.access_token ?? ""}` },
      signal: AbortSignal.timeout(patience),
    })
  } catch (error) {
    throw asProblem(error)
  }
  if (response.ok) return response
  if (response.status === 401 && !isSecond && (await renew())) return ask(action, body, headers, patience, true)
  const told = await response.json().catch(() => ({}))
  throw new Problem({ status: response.status, detail: told.detail, message: told.message, retryAt: told.retry_at ?? null, requestId: told.request_id ?? null })
}

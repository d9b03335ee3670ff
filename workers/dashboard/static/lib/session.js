// session.js: who is signed in, and for which organization they work.
import { batch, computed, createClient, signal } from "../vendor/vendor.js"
import { publishableKey, supabaseUrl } from "./env.js"
import { fromPostgrest } from "./problems.js"

export const supabase = createClient(supabaseUrl, publishableKey, {
  auth: { flowType: "pkce", storageKey: "flow-session" },
})

/** undefined: not known yet; null: nobody. */
export const person = signal(undefined)
/** [{id, name, role, time_zone}], undefined until they are known; the role support: Flow's people, let in to look. */
export const organizations = signal(undefined)
// A notification that opens a page names its organization.
const chosen = signal(new URLSearchParams(location.search).get("org") ?? localStorage.getItem("flow-org"))

export const org = computed(() => organizations.value?.find(({ id }) => id === chosen.value) ?? organizations.value?.[0] ?? null)
/** Whether the person is one of Flow's own: found out a little after the start. */
export const isStaff = signal(false)
/** Whether the session ended while a page was open: people sign in again above it, and lose nothing. */
export const isExpired = signal(false)

const RANKS = ["agent", "admin", "owner"]
/** Whether the person's role is at least this one. */
export const may = (role) => RANKS.indexOf(org.value?.role) >= RANKS.indexOf(role)

export function chooseOrganization(id) {
  localStorage.setItem("flow-org", id)
  chosen.value = id
}

/** Reads the organizations again: after one was made, joined or left. */
export async function loadOrganizations() {
  const { data, error, status } = await supabase.from("memberships").select("role, organizations!memberships_org_id_fkey(id, name, time_zone, country)")
    .eq("user_id", person.value.id).order("created_at")
  if (error) throw fromPostgrest(error, status)
  const own = data.filter((row) => row.organizations).map(({ role, organizations: found }) => ({ role, ...found }))
  organizations.value = [...(sessionStorage.getItem(VISITING) ? await visited(own) : []), ...own]
}

const VISITING = "flow-visiting"
/** Somebody of Flow's support looks at an organization that let them in, in this tab. */
export async function visit(id) {
  sessionStorage.setItem(VISITING, "1")
  await loadOrganizations()
  chooseOrganization(id)
}
async function visited(own) {
  const { data } = await supabase.rpc("my_support")
  return (data ?? []).filter(({ org_id: id, is_begun: isBegun }) => isBegun && !own.some((one) => one.id === id))
    .map(({ org_id: id, name, time_zone, country }) => ({ id, name, time_zone, country, role: "support" }))
}

let isLeaving = false

supabase.auth.onAuthStateChange((event, session) => {
  const user = session?.user
  if (event === "SIGNED_OUT" && person.value && !isLeaving) {
    isExpired.value = true
    return
  }
  batch(() => {
    if (user && person.value && user.id !== person.value.id) return location.reload() // somebody else, in another tab
    if (user?.id !== person.value?.id || person.value === undefined) {
      person.value = user ? { id: user.id, email: user.email, name: user.user_metadata?.name || user.user_metadata?.full_name || user.email } : null
    }
    if (user) isExpired.value = false
  })
})

/** Signs out here, or everywhere; what the browser kept of the person goes too. */
export async function signOut(scope = "local") {
  isLeaving = true
  if (scope === "global" || localStorage.getItem("flow-push")) await import("../pages/notifications/push.js").then(({ forget }) => forget(scope)).catch(() => {})
  await supabase.auth.signOut({ scope })
  sessionStorage.clear()
  for (const key of Object.keys(localStorage)) if (key.startsWith("flow-")) localStorage.removeItem(key)
  location.assign("/sign-in")
}

/** What the API says when a token is no longer good: ask for one more, else the person signs in again. */
export async function renew() {
  const { data } = await supabase.auth.refreshSession()
  if (!data.session) isExpired.value = true
  return Boolean(data.session)
}

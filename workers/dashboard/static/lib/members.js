// members.js: the people of the organization, as colleagues see them.
import { rows } from "./api.js"
import { useQuery } from "./queries.js"
import { org, supabase } from "./session.js"
import { fromPostgrest } from "./problems.js"

const RANK = { owner: 0, admin: 1, agent: 2 }

/** [{id, name, email, role, since}], owners first. */
export async function readMembers() {
  const [memberships, profiles] = await Promise.all([
    rows("memberships", (query) => query.select("user_id, role, created_at")),
    supabase.from("profiles").select("id, name, email"),
  ])
  if (profiles.error) throw fromPostgrest(profiles.error, profiles.status)
  const known = Object.fromEntries(profiles.data.map((profile) => [profile.id, profile]))
  return memberships
    .map(({ user_id: id, role, created_at: since }) => ({ id, role, since, email: known[id]?.email ?? "", name: known[id]?.name || known[id]?.email.split("@")[0] || id.slice(0, 8) }))
    .sort((a, b) => RANK[a.role] - RANK[b.role] || a.name.localeCompare(b.name))
}

export const membersKey = () => `members ${org.value.id}`

/** The same as a query. */
export const useMembers = () => useQuery(membersKey(), readMembers)

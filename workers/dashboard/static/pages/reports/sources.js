// sources.js: what the sources of leads are called, in the person's language where Flow made them.
import { rows } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { sourceLabel } from "../leads/parts.js"

/** {list: [{id, label}], nameOf(id, name): its label, else the name that a report gave}. */
export function useSources() {
  const { data = [] } = useQuery(`reports-sources/${org.value.id}`, () => rows("lead_sources", (query) => query.select("id, kind, name").order("created_at")))
  const list = data.map((source) => ({ id: source.id, label: sourceLabel(source) }))
  return { list, nameOf: (id, name) => list.find((source) => source.id === id)?.label ?? name }
}

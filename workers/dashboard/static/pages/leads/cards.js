// cards.js: leads as lists and boards show them, read one by one; and what the columns of a board hold when one of them changes.
import { rows } from "../../lib/api.js"

const COLUMNS = "id, contact_id, title, product, message, stage_id, owner_id, source_id, source_kind, lead_type, received_at, problems, value, currency, "
  + "won_at, lost_at, closed_reason, custom, version, phone, contacts!leads_org_id_contact_id_fkey!inner(name, phone, company, city, email, state, erase_at, erased_at), lead_tags(tags(id, name, colour))"

/** A row of public.leads as private.lead_cards gives it (without the conversation, which only pages give). */
export const asCard = ({ contacts, lead_tags: tags, value, ...lead }) => ({
  ...lead, ...contacts, phone: contacts.phone ?? lead.phone, value: value === null ? null : String(value),
  tags: tags.map((tag) => tag.tags).filter(Boolean).sort((one, other) => one.name.localeCompare(other.name)),
})

/** The leads of these ids that are still there, at most 200. */
export async function readLeads(ids) {
  if (!ids.length) return []
  return (await rows("leads", (query) => query.select(COLUMNS).in("id", ids.slice(0, 200)))).map(asCard)
}

const isNewer = (one, other) => one.received_at > other.received_at || (one.received_at === other.received_at && one.id > other.id)
const at = (lead) => ({ ...lead, received_at: new Date(lead.received_at).toISOString() })

/** A list with a lead at its place: newest first. */
export function inserted(list, lead) {
  const index = list.findIndex((other) => isNewer(at(lead), at(other)))
  return index < 0 ? [...list, lead] : [...list.slice(0, index), lead, ...list.slice(index)]
}

const counted = (column, lead, sign) => {
  const values = column.values.some(({ currency }) => currency === lead.currency) || !lead.value
    ? column.values : [...column.values, { currency: lead.currency, value: "0" }]
  return {
    ...column, count: Math.max(0, column.count + sign),
    values: values.map((sum) => (lead.value && sum.currency === lead.currency ? { ...sum, value: String(Number(sum.value) + sign * Number(lead.value)) } : sum)),
  }
}

/** The lead that a board shows under an id, with its column. */
export function findIn(board, id) {
  for (const column of board?.stages ?? []) {
    const lead = column.leads.find((other) => other.id === id)
    if (lead) return { column, lead }
  }
  return null
}

/** The board with a lead as it is now, in its column; counts follow when it was on the board. */
export function placed(board, lead) {
  const before = findIn(board, lead.id)
  const shown = { ...before?.lead, ...lead }
  return {
    ...board,
    stages: board.stages.map((column) => {
      let next = column
      if (before?.column === column) next = { ...counted(next, before.lead, -1), leads: next.leads.filter(({ id }) => id !== lead.id) }
      if (column.stage_id === shown.stage_id) next = { ...(before ? counted(next, shown, 1) : next), leads: inserted(next.leads, shown) }
      return next
    }),
  }
}

/** A board as just read, with what was paged before below it: leads that are older than its pages, and still in the column. */
export function merged(old, fresh) {
  if (!old || old.pipeline_id !== fresh.pipeline_id) return fresh
  const seen = new Set(fresh.stages.flatMap((column) => column.leads.map(({ id }) => id)))
  return {
    ...fresh,
    stages: fresh.stages.map((column) => {
      const before = old.stages.find((other) => other.stage_id === column.stage_id)
      const last = column.leads.at(-1)
      if (!before || !column.next || before.leads.length <= column.leads.length) return column
      const tail = before.leads.filter((lead) => !seen.has(lead.id) && isNewer(at(last), at(lead)))
      return tail.length ? { ...column, leads: [...column.leads, ...tail], next: before.next } : column
    }),
  }
}

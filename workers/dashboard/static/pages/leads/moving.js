// moving.js: a lead into another stage: at once on the screen, then in the database, which has the last word.
import { rpc } from "../../lib/api.js"
import { complain, say } from "../../ui/toasts.js"
import { askToClose } from "./closing.js"
import { nameOf } from "./parts.js"
import { t } from "./words.js"

/** Moves of which the database has not answered yet: id → stage. What is read meanwhile is shown with them. */
export const moving = new Map()

/** What the database is asked for, by the kinds of both stages. */
const ask = (lead, to, from) => (to.kind === "open" && from && from.kind !== "open"
  ? rpc("reopen_lead", { lead_id: lead.id, stage_id: to.id, version: lead.version })
  : rpc("move_lead", { lead_id: lead.id, stage_id: to.id, version: lead.version }))

/** Moves a lead; shown(lead): shows it changed; again(): reads the truth after a refusal. Gives whether it moved. */
export async function moveLead({ lead, to, reference, shown, again, isUndo = false }) {
  const from = reference.the("stage", lead.stage_id)
  if (to.id === lead.stage_id) return false
  if (to.kind !== "open") {
    const closed = await askToClose({ stage: to, reference, value: lead.value, currency: lead.currency,
      run: (given) => rpc("close_lead", { lead_id: lead.id, version: lead.version, ...given }) })
    if (!closed) { again(); return false }
    const after = { ...lead, stage_id: closed.stage_id, version: closed.version, value: closed.value, currency: closed.currency, closed_reason: closed.reason_id }
    shown(after)
    told(after, to, from, { reference, shown, again })
    return true
  }
  moving.set(lead.id, to.id)
  shown({ ...lead, stage_id: to.id })
  try {
    const { version } = await ask(lead, to, from)
    const after = { ...lead, stage_id: to.id, version }
    shown(after)
    if (!isUndo) told(after, to, from, { reference, shown, again })
    return true
  } catch (error) {
    shown(lead)
    complain(error)
    return false
  } finally {
    moving.delete(lead.id)
    again()
  }
}

const told = (lead, to, from, rest) => say(t("moved", { name: nameOf(lead), stage: to.name }),
  { action: from ? { label: t("undo"), run: () => moveLead({ ...rest, lead, to: from, isUndo: true }) } : null })

// moving.js: a lead into another stage: at once on the screen, then in the database, which has the last word.
import { rpc } from "../../lib/api.js"
import { inTurn } from "../../lib/turns.js"
import { complain, say } from "../../ui/toasts.js"
import { askToClose } from "./closing.js"
import { nameOf } from "./parts.js"
import { t } from "./words.js"

/** Moves of which the database has not answered yet: id → stage. What is read meanwhile is shown with them. */
export const moving = new Map()

/** What the database is asked for, by the kinds of both stages. */
const ask = (lead, to, from) => inTurn(lead, (version) => rpc(to.kind === "open" && from && from.kind !== "open" ? "reopen_lead" : "move_lead",
  { lead_id: lead.id, stage_id: to.id, version }))

/** Moves a lead; shown(change, lead): shows what changed of it, {id, …}; again(): reads the truth after a refusal. Gives whether it moved. */
export async function moveLead({ lead, to, reference, shown, again, isUndo = false }) {
  const from = reference.the("stage", lead.stage_id)
  if (to.id === lead.stage_id) return false
  const change = (fields) => shown({ id: lead.id, ...fields }, lead)
  if (to.kind !== "open") {
    const closed = await askToClose({ stage: to, reference, value: lead.value, currency: lead.currency,
      run: (given) => inTurn(lead, (version) => rpc("close_lead", { lead_id: lead.id, version, ...given })) })
    if (!closed) { again(); return false }
    const after = { stage_id: closed.stage_id, version: closed.version, value: closed.value, currency: closed.currency, closed_reason: closed.reason_id }
    change(after)
    told({ ...lead, ...after }, to, from, { reference, shown, again })
    return true
  }
  moving.set(lead.id, to.id)
  change({ stage_id: to.id })
  const isNewest = () => moving.get(lead.id) === to.id // it may have been moved on meanwhile
  try {
    const { version } = await ask(lead, to, from)
    change(isNewest() ? { stage_id: to.id, version } : { version })
    if (!isUndo) told({ ...lead, stage_id: to.id, version }, to, from, { reference, shown, again })
    return true
  } catch (error) {
    change({ stage_id: lead.stage_id })
    complain(error)
    return false
  } finally {
    if (isNewest()) moving.delete(lead.id)
    again()
  }
}

const told = (lead, to, from, rest) => say(t("moved", { name: nameOf(lead), stage: to.name }),
  { action: from ? { label: t("undo"), run: () => moveLead({ ...rest, lead, to: from, isUndo: true }) } : null })

// stage.js: the stage of a lead, moved from a menu; a lead that somebody else moved meanwhile is shown as it is now.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { inTurn } from "../../lib/turns.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { complain, say } from "../../ui/toasts.js"
import { t } from "./words.js"

const ICONS = { open: "ChevronRight", won: "CircleCheck", lost: "CircleX" }

/** contactId: whose leads are shown from the query of their contact. */
export function Stage({ lead, contactId }) {
  const { data: stages = [] } = useQuery("stages", () => rows("pipeline_stages", (query) => query.select("id, name, position, kind, pipeline_id").order("position")))
  const now = stages.find(({ id }) => id === lead.stage_id)
  const move = async (stage) => {
    const undo = adjust(`contact-leads:${contactId}`, (leads) => leads.map((each) => (each.id === lead.id ? { ...each, stage_id: stage.id } : each)))
    try {
      const name = stage.kind !== "open" ? "close_lead" : now?.kind === "open" ? "move_lead" : "reopen_lead"
      const { version } = await inTurn(lead, (known) => rpc(name, { lead_id: lead.id, stage_id: stage.id, version: known }))
      adjust(`contact-leads:${contactId}`, (leads) => leads.map((each) => (each.id === lead.id ? { ...each, version } : each)))
      say(t("movedTo", { name: stage.name }))
    } catch (error) {
      undo()
      complain(error)
      refresh(`contact-leads:${contactId}`)
    }
  }
  const own = stages.filter(({ pipeline_id: id }) => id === now?.pipeline_id)
  return html`<${Menu} label=${t("stage")} items=${own.map((stage) => ({ label: stage.name, icon: ICONS[stage.kind], isChosen: stage.id === lead.stage_id, run: () => (stage.id === lead.stage_id ? null : move(stage)) }))}
    trigger=${(props) => html`<button type="button" class="chip ${{ won: "good", lost: "bad" }[now?.kind] ?? ""}" aria-label=${`${t("stage")}: ${now?.name ?? ""}`} ...${props}><bdi class="clip">${now?.name ?? "…"}</bdi><${Icon} name="ChevronDown" size=${14} /></button>`} />`
}

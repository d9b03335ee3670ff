// bulk.js: one change to all that is chosen, told with its number, and taken back from the toast.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh } from "../../lib/queries.js"
import { IconButton } from "../../ui/basics.js"
import { confirm, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { askToClose } from "./closing.js"
import { chooseNone, chosen } from "./table.js"
import { NewTag } from "./tagging.js"
import { t } from "./words.js"

export function Bulk({ reference, pipeline, filter, total, items, again }) {
  const { ids, isAll } = chosen.value
  const count = isAll ? total ?? items.length : ids.size
  if (!count) return null
  const read = () => { again(); refresh("leads/") }
  const change = async (action, what) => {
    if (count > 50 && !(await confirm({ title: t("bulkSure", { n: count }), text: t("bulkSureText"), action: t("bulkDo", { n: count }) }))) return undefined
    const { changed, unchanged, undo_token: token } = await rpc("bulk_leads", { action, change: what, ...(isAll ? { filter } : { lead_ids: [...ids] }) })
    chooseNone()
    read()
    const undo = async () => {
      const { restored, stayed } = await rpc("undo_bulk", { undo_token: token })
      read()
      say(t("restored", { n: restored }) + (stayed.length ? ` ${t("stayed", { n: stayed.length })}` : ""))
    }
    say(t("changed", { n: changed }) + (unchanged ? ` ${t("unchanged", { n: unchanged })}` : ""), { action: token ? { label: t("undo"), run: undo } : null })
    return true
  }
  const close = (stage) => askToClose({ stage, reference, count, run: (given) => change("close", given) })
  const stages = reference.stagesOf(pipeline)
  const trigger = (icon, label) => ({ ref, ...props }) => html`<button type="button" class="button" aria-label=${label} ref=${ref} ...${props}><${Icon} name=${icon} size=${16} /><span class="hidden-phone">${label}</span></button>`
  const newTag = async () => {
    const id = await show((end) => html`<${NewTag} close=${end} />`)
    if (id) await change("tag", { tag_id: id })
  }
  return html`<div class="bulk" role="toolbar" aria-label=${t("bulk")}>
    <strong class="numbers grow" data-count=${count}>${t("chosen", { n: count })}</strong>
    ${!isAll && total > ids.size && ids.size >= items.length && html`<button type="button" class="button quiet" onClick=${() => { chosen.value = { ids: new Set(), isAll: true } }}>${t("chooseFilter", { n: total })}</button>`}
    <${Menu} label=${t("assign")} trigger=${trigger("UserCheck", t("assign"))} items=${[{ label: t("nobody"), icon: "UserX", run: () => change("assign", { owner_id: null }) },
      ...reference.members.map(({ id, name }) => ({ label: name, icon: "User", run: () => change("assign", { owner_id: id }) }))]} />
    <${Menu} label=${t("moveTo")} trigger=${trigger("Columns3", t("moveTo"))} items=${stages.map((stage) => ({ label: stage.name, icon: { won: "CircleCheck", lost: "CircleX" }[stage.kind] ?? "ArrowRight",
      run: () => (stage.kind === "open" ? change("move", { stage_id: stage.id }) : close(stage)) }))} />
    <${Menu} label=${t("tag")} trigger=${trigger("Tag", t("tag"))} items=${[...reference.tags.map(({ id, name, colour }) => ({ label: name, dot: colour ?? "var(--ink-faint)", run: () => change("tag", { tag_id: id }) })),
      { label: t("newTag"), icon: "Plus", run: newTag },
      ...reference.tags.map(({ id, name }) => ({ label: t("untag", { name }), icon: "X", run: () => change("untag", { tag_id: id }) }))]} />
    <${IconButton} icon="X" label=${t("chooseNone")} onClick=${chooseNone} />
  </div>`
}

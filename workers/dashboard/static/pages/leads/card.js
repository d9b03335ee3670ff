// card.js: a lead on the board: who, what they asked for, and what is to know at a glance.
import { html } from "../../vendor/vendor.js"
import { money } from "../../lib/formats.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { At, nameOf, Owner, productOf, SourceIcon, Tag } from "./parts.js"
import { t } from "./words.js"

export const HEIGHT = 116

export const stageItems = (stages, lead, run) => stages.map((stage) => ({
  label: stage.name, icon: { won: "CircleCheck", lost: "CircleX" }[stage.kind] ?? "ArrowRight", isChosen: stage.id === lead.stage_id, run: () => run(stage),
}))

export function Card({ lead, reference, stages, onMove, isGhost = false }) {
  const shownTags = lead.value === null ? 2 : 1 // as many as can be read in the width of a column
  const unread = lead.conversation?.unread ?? 0
  return html`<article class="lead-card" data-lead=${lead.id}>
    <div class="row"><a class="grow clip name" href="/leads/${lead.id}" draggable=${false} aria-describedby=${isGhost ? undefined : "board-keys"} aria-keyshortcuts="Shift+ArrowRight Shift+ArrowLeft"><bdi>${nameOf(lead)}</bdi></a>
      ${unread > 0 && html`<span class="badge" title=${t("unread", { n: unread })}><span class="hidden-visually">${t("unread", { n: unread })}</span><span aria-hidden="true">${unread > 99 ? "99+" : unread}</span></span>`}
      <${At} at=${lead.received_at} /></div>
    <p class="clip soft"><bdi>${productOf(lead)}</bdi></p>
    <div class="row"><${SourceIcon} lead=${lead} reference=${reference} />${lead.value !== null && html`<strong class="small numbers">${money(lead.value, lead.currency)}</strong>`}
      ${lead.problems.length > 0 && html`<${Icon} name="TriangleAlert" size=${14} className="warn" label=${t("hasProblems")} />`}
      <span class="row grow tags">${lead.tags.length ? lead.tags.slice(0, shownTags).map((tag) => html`<${Tag} tag=${tag} />`) : html`<span class="small faint clip"><bdi>${[lead.company, lead.city].filter(Boolean).join(" · ")}</bdi></span>`}${lead.tags.length > shownTags && html`<span class="small faint">+${lead.tags.length - shownTags}</span>`}</span>
      <${Owner} id=${lead.owner_id} reference=${reference} />
      ${!isGhost && html`<${Menu} label=${t("moveTo")} items=${stageItems(stages, lead, onMove)} trigger=${(props) => html`<${MoveButton} lead=${lead} given=${props} />`} />`}</div>
  </article>`
}

const MoveButton = ({ lead, given: { ref, ...props } }) => html`<button type="button" class="icon-button move" aria-label=${t("moveLead", { name: nameOf(lead) })} title=${t("moveTo")} ref=${ref} ...${props}><${Icon} name="Columns3" size=${16} /></button>`

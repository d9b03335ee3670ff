// table.js: leads as rows, the newest first, read page by page; on a phone each row is a card. Rows are chosen for bulk.js.
import { html, signal } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { day, full, money, phone } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Bulk } from "./bulk.js"
import { readLeads } from "./cards.js"
import { useLeadChanges } from "./changes.js"
import { customText } from "./fields.js"
import { usePages } from "../../lib/paged.js"
import { nameOf, Owner, productOf, sourceName, StageChip, Tag } from "./parts.js"
import { useWindow } from "../../ui/window.js"
import { t } from "./words.js"

/** What is chosen: ids, or all that the filter lets through. */
export const chosen = signal({ ids: new Set(), isAll: false })
export const chooseNone = () => { chosen.value = { ids: new Set(), isAll: false } }

/** Whether there is room for a table. */
export const isWide = signal(matchMedia("(min-width: 768px)").matches)
matchMedia("(min-width: 768px)").addEventListener("change", ({ matches }) => { isWide.value = matches })
const memories = new Map()

export function Table({ reference, pipeline, filter, onClear }) {
  const whole = { ...filter, pipeline }
  const key = `leads/list/${JSON.stringify(whole)}`
  const list = usePages(key, async (next) => {
    const { leads, next: after } = await rpc("lead_list", { filter: whole, page_size: 100, ...next })
    return { items: leads, next: after }
  })
  const totals = useQuery(`leads/totals/${key}`, () => rpc("board", { pipeline_id: pipeline, filter, page_size: 1 }))
  const total = totals.data?.stages.reduce((sum, { count }) => sum + count, 0)
  useLeadChanges(async (ids) => {
    list.again()
    refresh("leads/totals/")
    if (!ids) return
    const deep = ids.filter((id) => list.items.slice(100).some((lead) => lead.id === id))
    if (!deep.length) return
    const now = new Map((await readLeads(deep)).map((lead) => [lead.id, lead]))
    list.change((items) => items.filter(({ id }) => !deep.includes(id) || now.has(id)).map((lead) => ({ ...lead, ...now.get(lead.id) })))
  })
  if (!memories.has(key)) memories.set(key, { top: 0 })
  if (list.problem && !list.items.length) return html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
  if (list.isFresh) return html`<div class="leads-table"><${Skeleton} lines=${12} height=${32} /></div>`
  if (!list.items.length) return html`<${Empty} icon="Filter" title=${t("nothingFits")} action=${onClear && html`<${Button} onClick=${onClear}>${t("clearFilters")}<//>`} />`
  return html`<${Rows} key=${`${key} ${isWide.value}`} list=${list} reference=${reference} total=${total} memory=${memories.get(key)} />
    <${Bulk} reference=${reference} pipeline=${pipeline} filter=${whole} total=${total} items=${list.items} again=${list.again} />`
}

function Rows({ list, reference, total, memory }) {
  const { items } = list
  const height = isWide.value ? 48 : 96
  const { box, onScroll, from, to, above, below } = useWindow(items.length, height, { onEnd: list.more, memory })
  const { ids, isAll } = chosen.value
  const toggle = (id) => {
    const next = new Set(isAll ? items.map((lead) => lead.id) : ids)
    if (!next.delete(id)) next.add(id)
    chosen.value = { ids: next, isAll: false }
  }
  const everyone = isAll || (ids.size > 0 && items.every(({ id }) => ids.has(id)))
  const all = () => { chosen.value = everyone ? { ids: new Set(), isAll: false } : { ids: new Set(items.map(({ id }) => id)), isAll: false } }
  const check = (lead) => html`<label class="pick"><input type="checkbox" checked=${isAll || ids.has(lead.id)} onChange=${() => toggle(lead.id)} aria-label=${t("choose", { name: nameOf(lead) })} /></label>`
  const shown = items.slice(from, to)
  if (!isWide.value) {
    return html`<div class="leads-table" ref=${box} onScroll=${onScroll}><ul class="lead-rows" style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>
      ${shown.map((lead) => html`<li key=${lead.id} data-lead=${lead.id} style=${{ height: `${height}px` }}>${check(lead)}
        <a class="grow" href="/leads/${lead.id}"><span class="row"><strong class="clip grow"><bdi>${nameOf(lead)}</bdi></strong><span class="small faint">${day(lead.received_at)}</span></span>
          <span class="clip soft"><bdi>${productOf(lead)}</bdi></span>
          <span class="row"><${StageChip} stage=${reference.the("stage", lead.stage_id)} />${lead.value !== null && html`<span class="small numbers">${money(lead.value, lead.currency)}</span>`}</span></a></li>`)}
    </ul></div>`
  }
  return html`<div class="leads-table" ref=${box} onScroll=${onScroll} tabindex="0" role="region" aria-label=${t("table")}><table class="table" aria-rowcount=${(total ?? items.length) + 1}>
    <thead><tr><th class="pick-cell"><label class="pick"><input type="checkbox" checked=${everyone} onChange=${all} aria-label=${t("chooseAll")} /></label></th>
      <th>${t("name")}</th><th>${t("product")}</th><th>${t("stage")}</th><th>${t("owner")}</th><th class="number">${t("value")}</th><th>${t("phone")}</th><th>${t("tags")}</th><th>${t("source")}</th>
      <th aria-sort="descending">${t("received")} ↓</th>${reference.fields.map((field) => html`<th class="clip"><bdi>${field.label}</bdi></th>`)}</tr></thead>
    <tbody>${above > 0 && html`<tr aria-hidden="true"><td style=${{ height: `${above}px`, padding: 0 }}></td></tr>`}
    ${shown.map((lead, at) => html`<tr key=${lead.id} data-lead=${lead.id} aria-rowindex=${from + at + 2} aria-selected=${isAll || ids.has(lead.id)}>
      <td class="pick-cell">${check(lead)}</td>
      <td class="clip"><a href="/leads/${lead.id}"><bdi>${nameOf(lead)}</bdi></a>${lead.company && lead.name && html`<span class="small faint"> · <bdi>${lead.company}</bdi></span>`}</td>
      <td class="clip"><bdi>${productOf(lead)}</bdi></td><td><${StageChip} stage=${reference.the("stage", lead.stage_id)} /></td>
      <td><${Owner} id=${lead.owner_id} reference=${reference} hasName /></td>
      <td class="number">${lead.value === null ? "" : money(lead.value, lead.currency)}</td><td class="numbers">${phone(lead.phone)}</td>
      <td><span class="row">${lead.tags.slice(0, 2).map((tag) => html`<${Tag} tag=${tag} />`)}${lead.tags.length > 2 && html`<span class="small faint">+${lead.tags.length - 2}</span>`}</span></td>
      <td class="clip">${sourceName(reference, lead)}</td><td><time datetime=${lead.received_at} title=${full(lead.received_at)}>${day(lead.received_at)}</time></td>
      ${reference.fields.map((field) => html`<td class="clip"><bdi>${customText(field, lead.custom[field.key])}</bdi></td>`)}</tr>`)}
    ${below > 0 && html`<tr aria-hidden="true"><td style=${{ height: `${below}px`, padding: 0 }}></td></tr>`}</tbody>
  </table></div>`
}

// table.js: leads as rows, in an order that a column's header or, on a phone, a menu gives, read page by page; on a phone each row is a card. Rows are chosen for bulk.js.
import { html, signal, useLayoutEffect, useRef } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { day, full, money, phone } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { Bulk } from "./bulk.js"
import { useLeadChanges } from "./changes.js"
import { customText } from "./fields.js"
import { usePages } from "../../lib/paged.js"
import { compare, headerOf, orderItems, settled } from "./orders.js"
import { nameOf, Owner, productOf, sourceName, StageChip, Tag } from "./parts.js"
import { useWindow } from "../../ui/window.js"
import { show } from "./where.js"
import { t } from "./words.js"

/** What is chosen: ids, or all that the filter lets through. */
export const chosen = signal({ ids: new Set(), isAll: false })
export const chooseNone = () => { chosen.value = { ids: new Set(), isAll: false } }

/** Whether there is room for a table. */
export const isWide = signal(matchMedia("(min-width: 768px)").matches)
matchMedia("(min-width: 768px)").addEventListener("change", ({ matches }) => { isWide.value = matches })
const memories = new Map()

const PAGE = 100

export function Table({ reference, pipeline, filter, sort, onClear }) {
  const whole = { ...filter, pipeline }
  const narrowed = JSON.stringify(whole)
  const key = `leads/list/${sort}/${narrowed}`
  const list = usePages(key, async (next) => {
    const { leads, next: after } = await rpc("lead_list", { filter: whole, sort, page_size: PAGE, ...next })
    return { items: leads, next: after }
  }, undefined, compare[sort])
  const totals = useQuery(`leads/totals/${narrowed}`, () => rpc("board", { pipeline_id: pipeline, filter, page_size: 1 }))
  const total = totals.data?.stages.reduce((sum, { count }) => sum + count, 0)
  useLeadChanges(async (ids) => {
    refresh("leads/totals/")
    if (!ids || ids.length > PAGE) return list.anew()
    list.again()
    if (list.items.length + ids.length <= PAGE) return undefined // the first page has them all
    const { leads } = await rpc("lead_list", { filter: { ...whole, lead: ids }, sort, page_size: PAGE })
    return list.change((items) => settled(items, ids, leads, sort, list.isEnd))
  })
  if (!memories.has(key)) memories.set(key, { top: 0 })
  // Another order of the same leads: the old one stays until it has come, and the button that was pressed keeps its focus.
  const before = useRef(null)
  if (!list.isFresh) before.current = { of: narrowed, items: list.items }
  const isSorting = list.isFresh && before.current?.of === narrowed && before.current.items.length > 0
  const items = isSorting ? before.current.items : list.items
  if (list.problem && !list.items.length) return html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
  if (list.isFresh && !isSorting) return html`<div class="leads-table"><${Skeleton} lines=${12} height=${32} /></div>`
  if (!items.length) return html`<${Empty} icon="Filter" title=${t("nothingFits")} action=${onClear && html`<${Button} onClick=${onClear}>${t("clearFilters")}<//>`} />`
  return html`${!isWide.value && html`<div class="lead-order"><${Menu} label=${t("order")} items=${orderItems(sort, (next) => show({ sort: next }))} trigger=${({ ref, ...props }) => html`<button type="button" class="button quiet" ref=${ref} ...${props}>
      <span class="hidden-visually">${t("order")}: </span>${t(sort)}<${Icon} name="ChevronDown" size=${16} /></button>`} /></div>`}
    <${Rows} key=${`${narrowed} ${isWide.value}`} items=${items} more=${list.more} sort=${sort} isSorting=${isSorting} reference=${reference} total=${total} memory=${memories.get(key)} />
    <${Bulk} reference=${reference} pipeline=${pipeline} filter=${whole} total=${total} items=${items} again=${list.again} />`
}

/** The header of a column; one that sorts is a button. */
function Header({ column, sort }) {
  const { next, ariaSort, arrow } = headerOf(column, sort)
  return html`<th aria-sort=${ariaSort} class=${column === "value" ? "number" : ""}><button type="button" class="sort" title=${t(next)} onClick=${() => show({ sort: next })}>${t(column)}<span aria-hidden="true">${arrow}</span></button></th>`
}

function Rows({ items, more, sort, isSorting, reference, total, memory }) {
  const height = isWide.value ? 48 : 96
  const { box, onScroll, from, to, above, below } = useWindow(items, height, { onEnd: more, memory })
  const shownSort = useRef(sort)
  useLayoutEffect(() => {
    if (shownSort.current === sort) return
    shownSort.current = sort
    memory.top = 0
    box.current.scrollTop = 0
  }, [sort])
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
    return html`<div class="leads-table" ref=${box} onScroll=${onScroll} aria-busy=${isSorting}><ul class="lead-rows" style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>
      ${shown.map((lead) => html`<li key=${lead.id} data-lead=${lead.id} style=${{ height: `${height}px` }}>${check(lead)}
        <a class="grow" href="/leads/${lead.id}"><span class="row"><strong class="clip grow"><bdi>${nameOf(lead)}</bdi></strong><span class="small faint">${day(lead.received_at)}</span></span>
          <span class="clip soft"><bdi>${productOf(lead)}</bdi></span>
          <span class="row"><${StageChip} stage=${reference.the("stage", lead.stage_id)} />${lead.value !== null && html`<span class="small numbers">${money(lead.value, lead.currency)}</span>`}</span></a></li>`)}
    </ul></div>`
  }
  return html`<div class="leads-table" ref=${box} onScroll=${onScroll} tabindex="0" role="region" aria-label=${t("table")} aria-busy=${isSorting}><table class="table" aria-rowcount=${(total ?? items.length) + 1}>
    <thead><tr><th class="pick-cell"><label class="pick"><input type="checkbox" checked=${everyone} onChange=${all} aria-label=${t("chooseAll")} /></label></th>
      <${Header} column="name" sort=${sort} /><th>${t("product")}</th><th>${t("stage")}</th><th>${t("owner")}</th><${Header} column="value" sort=${sort} /><th>${t("phone")}</th><th>${t("tags")}</th><th>${t("source")}</th>
      <${Header} column="received" sort=${sort} />${reference.fields.map((field) => html`<th class="clip"><bdi>${field.label}</bdi></th>`)}</tr></thead>
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

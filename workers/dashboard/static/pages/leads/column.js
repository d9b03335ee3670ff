// column.js: one stage of the board: how many, how much, and the cards in sight.
import { html, useEffect, useRef } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { number } from "../../lib/formats.js"
import { complain } from "../../ui/toasts.js"
import { Card, HEIGHT } from "./card.js"
import { carried, carry } from "./drag.js"
import { Values } from "./parts.js"
import { useWindow } from "../../ui/window.js"
import { t } from "./words.js"

export function Column({ column, reference, stages, filter, isOver, onMove, onDrop, append, memory }) {
  const isReading = useRef(false)
  const more = async () => {
    if (!column.next || isReading.current) return
    isReading.current = true
    try {
      append(column.stage_id, await rpc("lead_list", { filter: { ...filter, stage: column.stage_id }, ...column.next, page_size: 60 }))
    } catch (error) {
      complain(error)
    } finally {
      isReading.current = false
    }
  }
  const { leads } = column
  const { box, onScroll, from, to, above, below, reveal } = useWindow(leads, HEIGHT, { onEnd: more, memory })
  const wanted = useRef(null)
  useEffect(() => {
    const focus = ({ detail: { stage, index } }) => {
      if (stage !== column.stage_id) return
      wanted.current = index
      reveal(index)
      find()
    }
    document.addEventListener("focus-lead", focus)
    return () => document.removeEventListener("focus-lead", focus)
  })
  const find = () => {
    const link = wanted.current === null ? null : box.current.querySelector(`[data-index="${wanted.current}"] a.name`)
    if (!link) return
    wanted.current = null
    link.focus({ preventScroll: true })
    link.closest(".column").scrollIntoView({ block: "nearest", inline: "nearest" })
  }
  useEffect(find)
  return html`<section class="column ${column.kind} ${isOver ? "over" : ""}" data-stage=${column.stage_id} aria-label=${t("columnOf", { stage: column.name, n: column.count })}>
    <header class="row"><h2 class="clip"><bdi>${column.name}</bdi></h2><span class="count numbers" data-count=${column.count}>${number(column.count)}</span><span class="grow"></span><${Values} values=${column.values} /></header>
    <div class="cards" ref=${box} onScroll=${onScroll}>
      <ul style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>
        ${leads.slice(from, to).map((lead, at) => html`<li key=${lead.id} data-index=${from + at} aria-setsize=${column.count} aria-posinset=${from + at + 1} style=${{ height: `${HEIGHT}px` }}
          class=${carried.value?.lead.id === lead.id ? "lifted" : ""} onPointerDown=${(event) => carry(event, lead, onDrop)}>
          <${Card} lead=${lead} reference=${reference} stages=${stages} onMove=${(stage) => onMove(lead, stage)} /></li>`)}
      </ul>
      ${!leads.length && html`<p class="small faint none">${t("noneHere")}</p>`}
    </div>
  </section>`
}

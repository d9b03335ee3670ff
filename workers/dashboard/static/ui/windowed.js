// windowed.js: a long list of rows of one height, of which only those in sight are in the page. Arrow keys move between them.
import { html, useLayoutEffect, useRef, useState } from "../vendor/vendor.js"
import { useWindow } from "./window.js"

/** items, keyOf(item), render(item, index): what stands in each <li>, with one link or button; height: of a row in pixels.
 *  onEnd, memory: as in window.js. */
export function Windowed({ items, keyOf, render, height, onEnd, memory, label, children }) {
  const { box, onScroll, from, to, above, below, reveal } = useWindow(items, height, { keyOf, onEnd, memory })
  const wanted = useRef(null)
  const [, again] = useState(0)

  useLayoutEffect(() => {
    if (wanted.current === null) return
    box.current.querySelector(`[data-index="${wanted.current}"] :is(a, button)`)?.focus({ preventScroll: true })
    wanted.current = null
  })

  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return
    const here = Number(event.target.closest("[data-index]")?.dataset.index ?? (step > 0 ? -1 : items.length))
    const next = here + step
    if (next < 0 || next >= items.length) return
    event.preventDefault()
    wanted.current = next
    reveal(next)
    again((count) => count + 1)
  }
  return html`<div class="windowed" ref=${box} onScroll=${onScroll} onKeyDown=${move}>
    <ul aria-label=${label} style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>
      ${items.slice(from, to).map((item, at) => html`<li key=${keyOf(item)} data-index=${from + at} aria-setsize=${items.length} aria-posinset=${from + at + 1}
        style=${{ height: `${height}px` }}>${render(item, from + at)}</li>`)}
    </ul>${children}
  </div>`
}

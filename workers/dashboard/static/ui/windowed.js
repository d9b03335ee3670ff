// windowed.js: a long list of rows of one height, of which only those in sight are in the page. Arrow keys move between them.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js"

const BEYOND = 6 // rows that are made above and below what is seen

/** items, keyOf(item), render(item, index): what stands in each <li>, with one link or button; height: of a row in pixels.
 *  onEnd: the end is near. memory: an object that keeps where the list was while it is not on the screen. */
export function Windowed({ items, keyOf, render, height, onEnd, memory, label, children }) {
  const box = useRef()
  const wanted = useRef(null)
  const [view, setView] = useState({ first: Math.floor((memory?.top ?? 0) / height), rows: 12 })

  const look = () => {
    const { scrollTop, clientHeight } = box.current
    if (!clientHeight) return
    if (memory) memory.top = scrollTop
    const next = { first: Math.floor(scrollTop / height), rows: Math.ceil(clientHeight / height) + 1 }
    setView((now) => (now.first === next.first && now.rows === next.rows ? now : next))
  }
  useLayoutEffect(() => {
    box.current.scrollTop = memory?.top ?? 0
    const observer = new ResizeObserver(() => {
      if (memory && box.current.clientHeight && Math.abs(box.current.scrollTop - memory.top) > height) box.current.scrollTop = memory.top
      look()
    })
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])

  const from = Math.max(0, Math.min(view.first, items.length - view.rows) - BEYOND)
  const to = Math.min(items.length, from + view.rows + 2 * BEYOND)
  useEffect(() => {
    if (onEnd && to + BEYOND >= items.length) onEnd()
  }, [to, items.length])
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
    const { scrollTop, clientHeight } = box.current
    if (next * height < scrollTop) box.current.scrollTop = next * height
    else if ((next + 1) * height > scrollTop + clientHeight) box.current.scrollTop = (next + 1) * height - clientHeight
    look()
    setView((now) => ({ ...now }))
  }
  return html`<div class="windowed" ref=${box} onScroll=${look} onKeyDown=${move}>
    <ul aria-label=${label} style=${{ paddingTop: `${from * height}px`, paddingBottom: `${(items.length - to) * height}px` }}>
      ${items.slice(from, to).map((item, at) => html`<li key=${keyOf(item)} data-index=${from + at} aria-setsize=${items.length} aria-posinset=${from + at + 1}
        style=${{ height: `${height}px` }}>${render(item, from + at)}</li>`)}
    </ul>${children}
  </div>`
}

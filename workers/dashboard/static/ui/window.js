// window.js: which rows of a long list are in sight, when all are of one height.
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js"

const BEYOND = 6 // rows that are made above and below what is seen

/** How many rows those in sight have moved by, as most of them tell; 0 when they do not agree, as after sorting. */
function shift(seen, items, keyOf) {
  if (seen.every(({ key, index }) => index < items.length && keyOf(items[index]) === key)) return 0
  const places = new Map(items.map((item, index) => [keyOf(item), index]))
  const moves = new Map()
  for (const { key, index } of seen) {
    const by = places.get(key) - index
    moves.set(by, (moves.get(by) ?? 0) + 1)
  }
  const [by] = [...moves].find(([, rows]) => rows * 2 > seen.length) ?? [0]
  return by || 0 // NaN: they are gone
}

/** Gives {box, onScroll, from, to, above, below: pixels of what is not made, reveal(index)}. keyOf(item): tells rows apart, so that
 *  what is read stays in its place when rows come or go above it. onEnd: the last rows are near; called again and again while they are.
 *  memory: an object that keeps where the list was while it is not on the screen. */
export function useWindow(items, height, { keyOf = ({ id }) => id, onEnd, memory } = {}) {
  const count = items.length
  const box = useRef()
  const seen = useRef([])
  const [view, setView] = useState({ first: Math.floor((memory?.top ?? 0) / height), rows: 12 })
  const look = () => {
    const { scrollTop, clientHeight } = box.current ?? {}
    if (!clientHeight) return
    if (memory) memory.top = scrollTop
    const next = { first: Math.floor(scrollTop / height), rows: Math.ceil(clientHeight / height) + 1 }
    setView((now) => (now.first === next.first && now.rows === next.rows ? now : next))
  }
  useLayoutEffect(() => {
    if (!box.current) return undefined
    box.current.style.overflowAnchor = "none" // it answers rows that are made and dropped by scrolling, which makes and drops rows
    box.current.scrollTop = memory?.top ?? 0
    let isHidden = !box.current.clientHeight
    const observer = new ResizeObserver(() => {
      const wasHidden = isHidden
      isHidden = !box.current?.clientHeight
      if (memory && wasHidden && !isHidden) box.current.scrollTop = memory.top // what is not laid out keeps no place
      look()
    })
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    const by = shift(seen.current, items, keyOf)
    seen.current = items.slice(view.first, view.first + view.rows).map((item, at) => ({ key: keyOf(item), index: view.first + at }))
    if (by === 0 || !box.current?.scrollTop) return
    box.current.scrollTop += by * height
    look()
  })
  const from = Math.max(0, Math.min(view.first, count - view.rows) - BEYOND)
  const to = Math.min(count, from + view.rows + 2 * BEYOND)
  useEffect(() => { if (onEnd && to + BEYOND >= count) onEnd() }) // each time: what was asked for may have been dropped for a newer first page
  const reveal = (index) => {
    const { scrollTop, clientHeight } = box.current
    if (index * height < scrollTop) box.current.scrollTop = index * height
    else if ((index + 1) * height > scrollTop + clientHeight) box.current.scrollTop = (index + 1) * height - clientHeight
    look()
  }
  return { box, onScroll: look, from, to, above: from * height, below: (count - to) * height, reveal }
}

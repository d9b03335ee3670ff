// window.js: which rows of a long list are in sight, when all are of one height.
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js"

const BEYOND = 6 // rows that are made above and below what is seen

/** Gives {box, onScroll, from, to, above, below: pixels of what is not made, reveal(index)}. onEnd: the last rows are near;
 *  called again and again while they are.
 *  memory: an object that keeps where the list was while it is not on the screen. */
export function useWindow(count, height, { onEnd, memory } = {}) {
  const box = useRef()
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

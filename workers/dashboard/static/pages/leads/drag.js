// drag.js: cards that a mouse or pen carries from column to column; the board moves along at its edges. Escape lets go.
import { signal } from "../../vendor/vendor.js"

const FAR = 6 // pixels before a press becomes a drag
const EDGE = 64

/** {lead, over: the stage under the pointer} while a card is carried, else null. */
export const carried = signal(null)

const stageAt = (x, y) => document.elementFromPoint(x, y)?.closest("[data-stage]")?.dataset.stage ?? null

/** For onPointerDown of a card: drop(lead, stage id) when it is let go above a column. */
export function carry(event, lead, drop) {
  if (event.button || event.pointerType === "touch" || event.target.closest("button")) return
  const { clientX: fromX, clientY: fromY } = event
  const board = event.target.closest(".board")
  const box = event.target.closest(".lead-card").getBoundingClientRect()
  let isCarried = false
  let frame = null
  let x = fromX
  let y = fromY

  const follow = () => {
    const ghost = document.querySelector(".ghost")
    if (ghost) ghost.style.transform = `translate(${x - fromX + box.left}px, ${y - fromY + box.top}px)`
    const { left, right } = board.getBoundingClientRect()
    if (x < left + EDGE) board.scrollLeft -= 12
    if (x > right - EDGE) board.scrollLeft += 12
    const over = stageAt(x, y)
    if (over !== carried.value?.over) carried.value = { lead, over, width: box.width }
    frame = requestAnimationFrame(follow)
  }
  const move = (moved) => {
    x = moved.clientX
    y = moved.clientY
    if (isCarried || Math.hypot(x - fromX, y - fromY) < FAR) return
    isCarried = true
    carried.value = { lead, over: lead.stage_id, width: box.width }
    follow()
  }
  const end = (isDropped) => {
    for (const [name, listener] of listeners) removeEventListener(name, listener, true)
    cancelAnimationFrame(frame)
    if (!isCarried) return
    const over = stageAt(x, y)
    carried.value = null
    // The click that follows belongs to the drag, not to the link.
    const swallow = (click) => { click.preventDefault(); click.stopPropagation() }
    addEventListener("click", swallow, { capture: true, once: true })
    setTimeout(() => removeEventListener("click", swallow, true))
    if (isDropped && over) drop(lead, over)
  }
  const listeners = [
    ["pointermove", move], ["pointerup", () => end(true)], ["pointercancel", () => end(false)],
    ["keydown", (pressed) => { if (pressed.key === "Escape") { pressed.preventDefault(); end(false) } }],
  ]
  for (const [name, listener] of listeners) addEventListener(name, listener, true)
}

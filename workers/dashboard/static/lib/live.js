// live.js: what changes in the organization, as it changes. Realtime wakes us where it is there; the change feed, whose
// cursor misses nothing, tells what it was. Two tabs ask each for itself: the feed is cheap, and neither depends on the other.
import { effect, signal } from "../vendor/vendor.js"
import { rpc } from "./api.js"
import { org, person, supabase } from "./session.js"

/** "live", "waiting" (trying again) or "offline". */
export const line = signal("waiting")

const listeners = new Set()
/** Calls back with {changes, reset} whenever something changed; gives a function that ends it. */
export function onChanges(listen) {
  listeners.add(listen)
  return () => listeners.delete(listen)
}

const VISIBLE = 2_000
const HIDDEN = 20_000
const WITH_REALTIME = 240_000

let cursor = null
let timer = null
let failures = 0
let channel = null
let hasRealtime = false
let asking = false
let isWanted = false

const pause = () => (failures ? Math.min(1000 * 2 ** failures, 30_000) : hasRealtime ? WITH_REALTIME : document.hidden ? HIDDEN : VISIBLE)

async function ask() {
  clearTimeout(timer)
  if (!org.value || org.value.role === "support") return // listening writes down that somebody listens
  if (asking) { isWanted = true; return }
  asking = true
  const asked = org.value.id
  try {
    const { cursor: next, changes, reset } = await rpc("changes", { cursor })
    if (asked !== org.value?.id) return
    if (cursor !== null && (reset || changes.length)) for (const listen of listeners) listen({ changes, reset })
    cursor = next
    failures = 0
    line.value = "live"
  } catch {
    failures++
    line.value = navigator.onLine ? "waiting" : "offline"
  } finally {
    asking = false
    if (isWanted) { isWanted = false; ask() } else timer = setTimeout(ask, pause())
  }
}

/** Asks now: after something was sent, or when the line is back. */
export const look = () => { failures = 0; ask() }

effect(() => {
  const id = org.value?.id
  clearTimeout(timer)
  cursor = null
  hasRealtime = false
  if (channel) supabase.removeChannel(channel)
  channel = null
  if (!id || !person.value || org.value.role === "support") return
  if (document.documentElement.dataset.realtime !== undefined) {
    channel = supabase.channel(`org:${id}`, { config: { private: true } })
      .on("broadcast", { event: "changes" }, ask)
      .subscribe((status) => { hasRealtime = status === "SUBSCRIBED"; look() }) // what came before it heard anything, too
  }
  ask()
})

addEventListener("online", look)
addEventListener("offline", () => { line.value = "offline" })
document.addEventListener("visibilitychange", () => { if (!document.hidden) look() })

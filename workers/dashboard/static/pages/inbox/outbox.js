// outbox.js: messages that are written but not yet with the server. They are shown at once, survive a reload, leave in their
// order as soon as the line is back, and say so when they are refused. The token makes a repeat harmless.
import { effect, signal } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { look } from "../../lib/live.js"
import { asProblem } from "../../lib/problems.js"
import { isExpired, org, person } from "../../lib/session.js"
import { threadOf } from "./thread.js"

/** [{token, conversation_id, message | note, text, at, state: "waiting" | "refused", problem}], oldest first. */
export const outbox = signal([])

let place = null
const read = () => {
  try { return JSON.parse(localStorage.getItem(place)) ?? [] } catch { return [] }
}
effect(() => {
  const key = org.value && person.value ? `flow-outbox.${org.value.id}.${person.value.id}` : null
  if (key === place) return
  place = key
  outbox.value = key ? read() : []
  if (outbox.value.length) queueMicrotask(flush)
})

function save(items) {
  outbox.value = items
  try {
    if (items.length) localStorage.setItem(place, JSON.stringify(items))
    else localStorage.removeItem(place)
  } catch { /* a full store: they are still in the page */ }
}
const change = (token, how) => save(outbox.value.map((item) => (item.token === token ? { ...item, ...how } : item)))

export const drop = (token) => save(outbox.value.filter((item) => item.token !== token))

/** Sends a message as public.send_message takes it. `shown`: what the bubble says meanwhile. */
export function send(conversation, message, shown) {
  save([...outbox.value, { token: crypto.randomUUID(), conversation_id: conversation, message, text: shown, at: new Date().toISOString(), state: "waiting", problem: null }])
  return flush()
}

/** Writes a note for colleagues. */
export function note(conversation, text, mentions) {
  save([...outbox.value, { token: crypto.randomUUID(), conversation_id: conversation, note: { text, mentions }, text, at: new Date().toISOString(), state: "waiting", problem: null }])
  return flush()
}

export function retry(token) {
  change(token, { state: "waiting", problem: null })
  return flush()
}

const handOver = (item) => (item.note
  ? rpc("add_note", { conversation_id: item.conversation_id, text: item.note.text, mentions: item.note.mentions, client_token: item.token })
  : rpc("send_message", { conversation_id: item.conversation_id, message: item.message, client_token: item.token }))

let isBusy = false
let timer = null
let failures = 0

/** Hands over what waits; one tab at a time. */
export async function flush() {
  if (isBusy || !place) return
  isBusy = true
  clearTimeout(timer)
  try {
    await (navigator.locks ? navigator.locks.request(place, work) : work())
  } finally {
    isBusy = false
  }
}

async function work() {
  const began = place
  for (;;) {
    const item = outbox.value.find(({ state }) => state === "waiting")
    if (!item || place !== began) return
    if (isExpired.value) return // goes on when somebody has signed in again
    try {
      const answer = await handOver(item)
      failures = 0
      const thread = threadOf(item.conversation_id)
      await (item.note ? thread.changed({ kinds: ["note"] }) : thread.fetch([answer.message_id])).catch(() => {})
      drop(item.token)
      look()
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 401) return
      if (problem.status >= 400 && problem.status < 500 && problem.detail !== "timeout") {
        change(item.token, { state: "refused", problem: { status: problem.status, detail: problem.detail, given: problem.given } })
        continue
      }
      timer = setTimeout(flush, Math.min(1000 * 2 ** failures++, 30_000))
      return
    }
  }
}

effect(() => { if (!isExpired.value && person.value) queueMicrotask(flush) })
addEventListener("online", () => { failures = 0; flush() })
addEventListener("storage", ({ key }) => { if (key && key === place) { outbox.value = read(); flush() } })

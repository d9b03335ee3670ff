// notify.js: sound and browser notifications, by choice; never more than one for a conversation until it is read. The number
// of unread conversations stands in the title.
import { effect, signal } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { onChanges } from "../../lib/live.js"
import { org, person } from "../../lib/session.js"
import { choices, isAllowed, notice, ring } from "../notifications/choices.js"
import { onCard, openId, titleOf } from "./cards.js"

// What has been told is remembered for all tabs, until somebody has read it.
const told = (id) => `flow-told.${id}`

onCard((card, before) => {
  if (!card.unread_by_me) return localStorage.removeItem(told(card.id))
  if (before?.last_message_at === card.last_message_at) return // something else has changed
  if (openId.value === card.id && !document.hidden) return
  if (localStorage.getItem(told(card.id))) return
  if (Date.now() - new Date(card.last_message_at) > 120_000) return // old news, told by a reload
  if (!choices.value.sound && !isAllowed.value) return
  localStorage.setItem(told(card.id), "1")
  if (choices.value.sound) ring()
  if (isAllowed.value) notice(titleOf(card), card.last_message_text ?? "", card.id, `/inbox/${card.id}`)
})

const MOST = 99
const unread = signal(0)
async function count() {
  if (!org.value || !person.value) return
  const found = await rows("conversations", (query) => query.select("id").eq("status", "open").gt("unread_count", 0).limit(MOST + 1)).catch(() => null)
  if (found) unread.value = found.length
}
let timer = null
onChanges(() => { clearTimeout(timer); timer = setTimeout(count, 500) })
effect(() => { if (org.value && person.value) queueMicrotask(count) })
effect(() => {
  const many = unread.value
  document.title = many ? `(${many > MOST ? `${MOST}+` : many}) Flow` : "Flow"
})

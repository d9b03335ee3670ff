// notify.js: sound and browser notifications, by choice; never more than one for a conversation until it is read. The number
// of unread conversations stands in the title.
import { computed, effect, signal } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { onChanges } from "../../lib/live.js"
import { go } from "../../lib/router.js"
import { org, person } from "../../lib/session.js"
import { say } from "../../ui/toasts.js"
import { onCard, openId, titleOf } from "./cards.js"
import { t } from "./words.js"

const KEY = "flow-notify"
const read = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {} } catch { return {} }
}
/** {sound, browser}: what the person chose on this device. */
export const choices = signal(read())
export const canNotify = "Notification" in globalThis
export const isAllowed = computed(() => Boolean(choices.value.browser) && canNotify && Notification.permission === "granted")

function choose(change) {
  choices.value = { ...choices.value, ...change }
  localStorage.setItem(KEY, JSON.stringify(choices.value))
}
addEventListener("storage", ({ key }) => { if (key === KEY) choices.value = read() })

/** Called by a click only: browsers ask the person then. */
export async function toggleBrowser() {
  if (isAllowed.value) return choose({ browser: false })
  if ((await Notification.requestPermission()) === "granted") choose({ browser: true })
  else say(t("notifyBlocked"), { isBad: true })
}

export function toggleSound() {
  choose({ sound: !choices.value.sound })
  if (choices.value.sound) ring()
}

function ring() {
  const context = new AudioContext()
  const gain = context.createGain()
  gain.connect(context.destination)
  gain.gain.setValueAtTime(0.08, context.currentTime)
  gain.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.5)
  for (const [at, tone] of [[0, 660], [0.12, 880]]) {
    const voice = context.createOscillator()
    voice.frequency.value = tone
    voice.connect(gain)
    voice.start(context.currentTime + at)
    voice.stop(context.currentTime + at + 0.3)
  }
  setTimeout(() => context.close(), 1000)
}

// What has been told is remembered for all tabs, until somebody has read it.
const told = (id) => `flow-told.${id}`

onCard((card) => {
  if (!card.unread_by_me) return localStorage.removeItem(told(card.id))
  if (openId.value === card.id && !document.hidden) return
  if (localStorage.getItem(told(card.id))) return
  if (Date.now() - new Date(card.last_message_at) > 120_000) return // old news, told by a reload
  if (!choices.value.sound && !isAllowed.value) return
  localStorage.setItem(told(card.id), "1")
  if (choices.value.sound) ring()
  if (isAllowed.value) {
    const shown = new Notification(titleOf(card), { body: card.last_message_text ?? "", tag: card.id, icon: document.querySelector("link[rel=icon]").href })
    shown.onclick = () => { focus(); go(`/inbox/${card.id}`); shown.close() }
  }
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

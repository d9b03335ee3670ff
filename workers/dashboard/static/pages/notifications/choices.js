// choices.js: how a person is told on this device: by a sound, by the browser.
import { computed, signal } from "../../vendor/vendor.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"

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

/** Called by a click only: browsers ask the person then. Gives false when the browser does not allow it. */
export async function toggleBrowser() {
  const isWanted = !isAllowed.value && (await Notification.requestPermission()) === "granted"
  const isRefused = !isAllowed.value && !isWanted
  choose({ browser: isWanted })
  return !isRefused
}

export function toggleSound() {
  choose({ sound: !choices.value.sound })
  if (choices.value.sound) ring()
}

/** Two soft tones. */
export function ring() {
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

/** A notification of the browser; another of the same tag takes its place. A press leads to href. While nobody looks, a device that pushes come to is told by these. */
export function notice(title, body, tag, href) {
  if (document.hidden && localStorage.getItem("flow-push")?.includes(org.value?.id)) return
  const shown = new Notification(title, { body, tag, icon: document.querySelector("link[rel=icon]").href })
  shown.onclick = () => { focus(); go(href); shown.close() }
}

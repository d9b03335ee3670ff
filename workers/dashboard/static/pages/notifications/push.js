// push.js: this browser as a device that Flow's notifications are pushed to, also while Flow is closed. Loaded by settings, by who has it on, and at sign-out.
import { computed, signal } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { org, supabase } from "../../lib/session.js"
import { language } from "../../lib/words.js"

const KEY = "flow-push"
const RENEWED = "flow-push-renewed"
const read = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {} } catch { return {} }
}
/** {organization: the device's id in it}: where this browser is told. */
const devices = signal(read())
function keep(orgId, deviceId) {
  const { [orgId]: _, ...others } = devices.value
  devices.value = deviceId ? { ...others, [orgId]: deviceId } : others
  if (Object.keys(devices.value).length) localStorage.setItem(KEY, JSON.stringify(devices.value))
  else localStorage.removeItem(KEY)
}
addEventListener("storage", ({ key }) => { if (key === KEY) devices.value = read() })

export const canPush = "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis
/** This browser's device in the organization; null: it has none. */
export const ownDevice = computed(() => devices.value[org.value?.id] ?? null)
export const forgetOwn = () => keep(org.value.id, null)

/** What browsers subscribe with; null while this Flow pushes nothing. */
export const readKey = async () => (await (await fetch("/api/push/key")).json()).key

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0))
const isOf = (subscription, key) => {
  const own = new Uint8Array(subscription.options?.applicationServerKey ?? [])
  return own.length === key.length && own.every((byte, at) => byte === key[at])
}

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["FxiOS", "Firefox"], ["Chrome", "Chrome"], ["CriOS", "Chrome"], ["Safari", "Safari"]]
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["CrOS", "ChromeOS"], ["Mac OS", "Mac"], ["Linux", "Linux"]]
const first = (list) => list.find(([word]) => navigator.userAgent.includes(word))?.[1]
const deviceName = () => [first(BROWSERS), first(SYSTEMS)].filter(Boolean).join(" · ") || "Browser"

async function add(subscription) {
  const { endpoint, keys } = subscription.toJSON()
  const { device_id: id } = await rpc("add_push_device", { subscription: { endpoint, keys }, name: deviceName(), language: language.value })
  keep(org.value.id, id)
}

/** Called by a click only: browsers ask the person then. Gives false when the browser does not allow it. */
export async function switchOn() {
  if ((await Notification.requestPermission()) !== "granted") return false
  const [registration, key] = await Promise.all([navigator.serviceWorker.ready, readKey().then(bytes)])
  let subscription = await registration.pushManager.getSubscription()
  if (subscription && !isOf(subscription, key)) {
    await subscription.unsubscribe()
    subscription = null
  }
  await add(subscription ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })))
  return true
}

/** Ends this device in the organization; in the browser too, once no organization has it. */
export async function switchOff() {
  await rpc("remove_push_device", { device_id: ownDevice.value }).catch((error) => { if (error.status !== 404) throw error })
  forgetOwn()
  if (!localStorage.getItem(KEY)) await unsubscribe()
}
const unsubscribe = async () => (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription())?.unsubscribe()

/** Browsers change subscriptions, people change languages: once a visit the server is told what holds now. */
export async function renew() {
  const id = org.value?.id
  if (!canPush || !ownDevice.value || sessionStorage.getItem(RENEWED) === id) return
  sessionStorage.setItem(RENEWED, id)
  const subscription = await (await navigator.serviceWorker.ready).pushManager.getSubscription()
  if (subscription && Notification.permission === "granted") await add(subscription)
  else await switchOff()
}

/** Before signing out: this device, or with "global" all of the person's, are told nothing more. */
export async function forget(scope) {
  const [own] = Object.values(devices.value)
  if (scope === "global" || own) await supabase.rpc("forget_push_devices", scope === "global" ? {} : { device_id: own }).abortSignal(AbortSignal.timeout(5000))
  if (canPush) await unsubscribe()
}

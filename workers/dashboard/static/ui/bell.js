// bell.js: how many notifications wait, beside the organization's name; on a phone a link to their page. The list itself is loaded
// when it is opened, and what tells of new ones when there are any.
import { effect, html, signal, useRef, useState } from "../vendor/vendor.js"
import { rows } from "../lib/api.js"
import { now } from "../lib/formats.js"
import { onChanges } from "../lib/live.js"
import { go } from "../lib/router.js"
import { chooseOrganization, org, organizations, person } from "../lib/session.js"
import { words } from "../lib/words.js"
import { lazy } from "./basics.js"
import { Icon } from "./icon.js"

const t = words({
  en: { bell: "Notifications", unread: { one: "{n} unread", other: "{n} unread" } },
  hi: { bell: "सूचनाएँ", unread: { one: "{n} बिना पढ़ी", other: "{n} बिना पढ़ी" } },
})

const MOST = 99
/** How many the person has not read. */
export const unread = signal(0)
let newest = null // the id of the newest that was counted; null: nothing has been counted for this organization

export async function count() {
  const asked = org.value?.id
  if (!asked || !person.value) return
  const found = await rows("notifications", (query) => query.select("id").is("read_at", null).order("id", { ascending: false }).limit(MOST + 1)).catch(() => null)
  if (!found || asked !== org.value?.id) return
  unread.value = found.length
  if (localStorage.getItem("flow-push")) navigator.setAppBadge?.(found.length).catch(() => {})
  const before = newest
  const fresh = before === null ? 0 : found.filter(({ id }) => id > before).length
  newest = Math.max(before ?? 0, found[0]?.id ?? 0)
  if (fresh) import("../pages/notifications/tell.js").then(({ tell }) => tell(before, fresh), () => {})
}

let timer = null
// Leads and notes that change may have told somebody something; reminders come by the clock.
onChanges(({ changes, reset }) => {
  if (!reset && !changes.some(({ lead_id: id, kinds }) => id || kinds?.some((kind) => kind === "note" || kind === "many_leads" || kind === "bell"))) return
  clearTimeout(timer)
  timer = setTimeout(count, 800)
})
effect(() => {
  if (!org.value?.id || !person.value) return
  newest = null
  unread.value = 0
  queueMicrotask(count)
  if (localStorage.getItem("flow-push")) import("../pages/notifications/push.js").then(({ renew }) => renew()).catch(() => {})
})
// A press on what was pushed leads here: the service worker has brought this tab to the front.
navigator.serviceWorker?.addEventListener("message", ({ data: { href, org: id } }) => {
  if (organizations.value?.some((one) => one.id === id)) chooseOrganization(id)
  go(href)
})
effect(() => { if (now.value && !document.hidden) queueMicrotask(count) })

export const label = () => (unread.value ? `${t("bell")}: ${t("unread", { n: unread.value })}` : t("bell"))
export const Count = () => (unread.value ? html`<span class="badge bell-count" aria-hidden="true">${unread.value > MOST ? `${MOST}+` : unread.value}</span>` : null)

const List = lazy(() => import("../pages/notifications/list.js"))

/** The bell of the frame, which opens a panel beside it. */
export function Bell() {
  const [isOpen, setOpen] = useState(false)
  const panel = useRef()
  return html`<button type="button" class="icon-button bell" popovertarget="bell-panel" aria-label=${label()} title=${t("bell")} aria-expanded=${isOpen}><${Icon} name="Bell" /><${Count} /></button>
    <div id="bell-panel" class="bell-panel" popover role="dialog" aria-label=${t("bell")} ref=${panel} onToggle=${({ newState }) => setOpen(newState === "open")}>
      ${isOpen && html`<${List} onLeave=${() => panel.current.hidePopover()} />`}</div>`
}

/** The same as a link to the page, where the frame shows no bell. */
export const BellLink = () => html`<a class="icon-button bell-link" href="/notifications" aria-label=${label()} title=${t("bell")}><${Icon} name="Bell" /><${Count} /></a>`

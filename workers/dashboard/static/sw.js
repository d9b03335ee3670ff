// sw.js: keeps the page and its modules, so that the dashboard opens without a line. Never data: what the API answers,
// and whatever a session sees, is not looked at here. And shows what is pushed to this device.
const VERSION = new URL(location).searchParams.get("v")
const CACHE = `flow-${VERSION}`
const SHELL = "/"

addEventListener("install", (event) => {
  skipWaiting()
  // What is sent does not pass here at all: the last words of a page that is being left would go with it.
  event.addRoutes?.({ condition: { requestMethod: "POST" }, source: "network" })
  event.waitUntil(caches.open(CACHE).then((cache) => cache.add(new Request(SHELL, { cache: "reload" }))))
})

addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name)
    await clients.claim()
  }
  event.waitUntil(old())
})

/** Files have their version in the path: what is kept is what there is. */
async function kept(request) {
  const cache = await caches.open(CACHE)
  const found = await cache.match(request)
  if (found) return found
  const answer = await fetch(request)
  if (answer.ok) cache.put(request, answer.clone())
  return answer
}

/** Every address of the dashboard is one page; without a line, the one that is kept. */
const page = async (request) => {
  try {
    return await fetch(request)
  } catch (error) {
    const shell = await caches.match(SHELL)
    if (shell) return shell
    throw error
  }
}

addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request
  const { origin, pathname } = new URL(url)
  if (method !== "GET" || origin !== location.origin) return
  if (pathname.startsWith("/static/")) event.respondWith(kept(event.request))
  else if (mode === "navigate" && !/^\/(f|connect-whatsapp|api|meta)(\/|$)/.test(pathname)) event.respondWith(page(event.request))
})

// Pushes say what and how many, in no words: these are the person's.
const WORDS = {
  en: {
    new_message: ["New message", "{n} new messages"], new_lead: ["New lead", "{n} new leads"], lead_assigned: ["A lead was given to you", "{n} leads were given to you"],
    task_due: ["A task is due", "{n} tasks are due"], task_assigned: ["A task was given to you", "{n} tasks were given to you"], mention: ["A colleague mentioned you in a note", "Colleagues mentioned you in {n} notes"],
    number_needs_attention: ["A WhatsApp number needs attention", "{n} problems with WhatsApp numbers"], billing: ["There is news about billing", "{n} news about billing"],
    several: ["New notification", "{n} new notifications"], test: ["This is how Flow tells you", "This is how Flow tells you"],
  },
  hi: {
    new_message: ["नया संदेश", "{n} नए संदेश"], new_lead: ["नई लीड", "{n} नई लीड"], lead_assigned: ["आपको एक लीड सौंपी गई", "आपको {n} लीड सौंपी गईं"],
    task_due: ["एक काम का समय हो गया", "{n} कामों का समय हो गया"], task_assigned: ["आपको एक काम सौंपा गया", "आपको {n} काम सौंपे गए"], mention: ["एक साथी ने नोट में आपका नाम लिया", "साथियों ने {n} नोट में आपका नाम लिया"],
    number_needs_attention: ["एक WhatsApp नंबर पर ध्यान दें", "WhatsApp नंबरों में {n} समस्याएँ"], billing: ["बिलिंग की एक सूचना है", "बिलिंग की {n} सूचनाएँ हैं"],
    several: ["नई सूचना", "{n} नई सूचनाएँ"], test: ["Flow आपको ऐसे बताएगा", "Flow आपको ऐसे बताएगा"],
  },
}
const said = (lang, kind, many) => {
  const words = WORDS[lang] ?? WORDS.en
  const [one, other] = words[kind?.startsWith("billing") ? "billing" : kind] ?? words.several
  return many > 1 ? other.replace("{n}", new Intl.NumberFormat(`${lang}-IN`).format(many)) : one
}

/** Where a press leads. */
function hrefOf({ kind, many, conversation_id: conversation, task_id: task, lead_id: lead }) {
  if (conversation) return `/inbox/${conversation}`
  if (task) return `/tasks?task=${task}`
  if (lead) return `/leads/${lead}`
  if (kind === "number_needs_attention") return "/settings/whatsapp"
  if (kind === "test") return "/settings/notifications"
  if (kind.startsWith("billing")) return "/billing"
  return { new_message: "/inbox", new_lead: "/leads" }[kind] ?? "/notifications"
}

// Safari takes the permission away from who shows nothing.
const mustShow = /^((?!chrome|android|firefox).)*safari/i.test(navigator.userAgent)
const windowsOf = () => clients.matchAll({ type: "window", includeUncontrolled: true })

async function show(told) {
  if (Number.isInteger(told.unread)) await navigator.setAppBadge?.(told.unread).catch(() => {})
  // Who looks at Flow is told by the page itself.
  if (!mustShow && told.kind !== "test" && (await windowsOf()).some(({ visibilityState }) => visibilityState === "visible")) return
  const parts = Object.entries(told.counts ?? {}).map(([kind, many]) => said(told.lang, kind, many))
  const text = told.preview ? told.preview.text : parts.length > 1 ? parts.join(" · ") : null
  await registration.showNotification(told.preview?.name || said(told.lang, told.kind, told.many), {
    body: [text, told.organization].filter(Boolean).join("\n"), lang: told.lang,
    // The same as what a page shows of it: one takes the other's place.
    tag: told.conversation_id ?? (told.notification_id && told.kind !== "new_lead" ? `flow-${told.notification_id}` : `flow-${told.kind}`),
    data: { href: hrefOf(told), org: told.org_id },
  })
}

addEventListener("push", (event) => {
  let told
  try { told = event.data.json() } catch { return }
  event.waitUntil(show(told))
})

async function open({ href, org }) {
  const [tab] = (await windowsOf()).sort((a, b) => b.focused - a.focused)
  if (!tab) return clients.openWindow(`${href}${href.includes("?") ? "&" : "?"}org=${org}`)
  await tab.focus()
  return tab.postMessage({ href, org })
}

addEventListener("notificationclick", (event) => {
  event.notification.close()
  if (event.notification.data) event.waitUntil(open(event.notification.data))
})

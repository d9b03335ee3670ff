// sw.js: keeps the page and its modules, so that the dashboard opens without a line. Never data: what the API answers,
// and whatever a session sees, is not looked at here.
const VERSION = new URL(location).searchParams.get("v")
const CACHE = `flow-${VERSION}`
const SHELL = "/"

addEventListener("install", (event) => {
  skipWaiting()
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

// router.js: addresses of pages. Links are ordinary <a href>; back and forward work as everywhere.
import { signal } from "../vendor/vendor.js"

const read = () => ({ path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)), state: history.state ?? {} })

/** Where we are: {path, query, state}. */
export const place = signal(read())
/** A page may ask before it is left: a function that gives false to stay. */
let guard = null
export const setGuard = (ask) => { guard = ask }

/** Goes to an address; `replace` leaves no step back. */
export function go(href, { replace = false, state = {} } = {}) {
  if (guard && !guard()) return
  guard = null
  history[replace ? "replaceState" : "pushState"](state, "", href)
  place.value = read()
}

addEventListener("popstate", () => { place.value = read() })

/** Matches "/leads/:id" against a path: the parameters, or null. */
export function match(pattern, path) {
  const wanted = pattern.split("/")
  const given = path.replace(/\/$/, "").split("/")
  if (wanted.length !== given.length) return null
  const found = {}
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(":")) found[part.slice(1)] = decodeURIComponent(given[index])
    else if (part !== given[index]) return null
  }
  return found
}

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]")
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin || link.dataset.leave !== undefined) return
  event.preventDefault()
  go(link.pathname + link.search)
})

// where.js: what the page of leads shows, kept in its address: layout, pipeline, filter, order, search.
import { go, place } from "../../lib/router.js"
import { orderOf } from "./orders.js"

const LAYOUT = "flow-leads-layout"

function read(text) {
  try {
    const filter = JSON.parse(text ?? "{}")
    return filter && typeof filter === "object" && !Array.isArray(filter) ? filter : {}
  } catch {
    return {}
  }
}

/** {layout: board or list, pipeline: id or null, filter, sort: an order of orders.js, view: id or null, search} of the address. */
export function where(query) {
  return {
    layout: query.layout ?? localStorage.getItem(LAYOUT) ?? "board",
    pipeline: query.pipeline ?? null, filter: read(query.f), sort: orderOf(query.sort), view: query.view ?? null, search: query.q ?? "",
  }
}

/** Shows something else; what is not named stays. */
export function show(change) {
  const next = { ...where(place.value.query), ...change }
  if (change.layout) localStorage.setItem(LAYOUT, change.layout)
  const filter = Object.fromEntries(Object.entries(next.filter).filter(([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && !value.length)))
  const parts = { layout: next.layout, pipeline: next.pipeline, view: next.view, q: next.search, f: Object.keys(filter).length ? JSON.stringify(filter) : null, sort: next.sort === "newest" ? null : next.sort }
  const query = new URLSearchParams(Object.entries(parts).filter(([, value]) => value))
  go(`/leads?${query}`, { replace: true })
}

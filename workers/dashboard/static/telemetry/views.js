// views.js: which pages were open, by name, how long they were to be seen, and how fast they were.
//
// Nothing is noted for nobody, for whom it is switched off (the database refuses it too), and where the browser says that
// it is not to be tracked.
import { effect, signal } from "../vendor/vendor.js"
import { rpcAlone } from "../lib/api.js"
import { match, place } from "../lib/router.js"
import { person } from "../lib/session.js"
import { renew, trace } from "../lib/trace.js"
import { pages } from "../pages/pages.js"
import { send, tell } from "./report.js"

const DAY = 86_400_000
const NEAR = 3000 // milliseconds between a view's beginning and when the browser says it began
const LOADED = ["navigate", "reload", "back_forward", "prerender"]

/** Whether the browser says, for every site, that it is not to be tracked. */
export const isPrivate = navigator.globalPrivacyControl === true || navigator.doNotTrack === "1"
/** Whether the person lets Flow note the pages they open; null: not known yet. */
export const isWanted = signal(null)

function nameOf(path) {
  try {
    return pages.find((page) => match(page.path, path))?.path ?? "/"
  } catch {
    return "/" // an address that is none
  }
}
/** The name of the page that is shown. */
export const route = () => nameOf(place.peek().path)

let view = null
const ended = []

function begin(navigation, began = performance.now()) {
  view = { route: route(), navigation, trace_id: trace.id, at: performance.timeOrigin + began, began, seen: 0, since: document.hidden ? null : began, figures: {} }
}

function end() {
  if (!view) return
  if (view.since !== null) view.seen += performance.now() - view.since
  ended.push(view)
  view = null
}

/** All that has ended is told. */
function flush() {
  for (const one of ended.splice(0)) {
    if (!isWanted.peek()) continue
    tell({ kind: "view", at: one.at, trace_id: one.trace_id, route: one.route, navigation: one.navigation, visible_ms: Math.min(Math.round(one.seen), DAY), ...one.figures })
  }
  send()
}

function measured({ name, value, navigationStartTime = 0, navigationType }) {
  const isSoft = navigationType === "soft-navigation"
  const of = [...ended, view].filter((one) => one && (isSoft ? one.navigation === "route" : LOADED.includes(one.navigation)) && Math.abs(one.began - navigationStartTime) < NEAR)
    .sort((a, b) => Math.abs(a.began - navigationStartTime) - Math.abs(b.began - navigationStartTime))[0]
  if (!of || (isSoft && name === "TTFB")) return
  if (name === "CLS") of.figures.cls = Math.min(Math.round(value * 1000) / 1000, 1000)
  else of.figures[`${name.toLowerCase()}_ms`] = Math.min(Math.round(value), DAY)
}

async function ask() {
  try {
    isWanted.value = !isPrivate && (await rpcAlone("my_telemetry")).page_views
  } catch {
    isWanted.value = false // who cannot be asked has not agreed
  }
  if (!isWanted.value) return
  const vitals = await import("../vendor/vitals.js").catch(() => null) // no line just now: pages are noted without these figures
  if (vitals) for (const on of [vitals.onCLS, vitals.onINP, vitals.onLCP, vitals.onTTFB]) on(measured, { reportSoftNavs: true })
}

/** Begins to note; once. */
export function watch() {
  const [loaded] = performance.getEntriesByType("navigation")
  begin(LOADED.includes(loaded?.type) ? loaded.type : "navigate", 0)
  if (loaded?.loadEventEnd > 0) view.figures.load_ms = Math.min(Math.round(loaded.loadEventEnd), DAY)
  effect(() => {
    const name = nameOf(place.value.path)
    if (!view || view.route === name) return
    end()
    renew()
    begin("route")
  })
  effect(() => { if (person.value && isWanted.peek() === null) ask() })
  // On the window, and not in the capturing phase: after those of web-vitals, which tell their last figures now.
  addEventListener("visibilitychange", () => {
    if (document.hidden) { end(); flush() } else if (!view) begin("return")
  })
  addEventListener("pagehide", () => { end(); flush() })
  addEventListener("pageshow", ({ persisted }) => { if (persisted) begin("restore") })
}

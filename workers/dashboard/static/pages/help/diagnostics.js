// diagnostics.js: what may be sent along with a ticket, and how it is shown: all of it, before and after.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { version } from "../../lib/env.js"
import { match } from "../../lib/router.js"
import { language } from "../../lib/words.js"
import { pages } from "../pages.js"
import { t } from "./words.js"

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Version", "Safari"]]
const SYSTEMS = [[/Android (\d+)/, "Android"], [/iPhone OS (\d+)/, "iOS"], [/Windows NT (\d+)/, "Windows"], [/Mac OS X (\d+)/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]]
const KEYS = ["browser", "os", "route", "release", "language", "screen", "requests", "traces", "errors", "health"]

function browser(agent) {
  for (const [token, name] of BROWSERS) {
    const found = new RegExp(`${token}/(\\d+)`).exec(agent)
    if (found) return `${name} ${found[1]}`
  }
  return undefined
}

function system(agent) {
  for (const [pattern, name] of SYSTEMS) {
    const found = pattern.exec(agent)
    if (found) return found[1] ? `${name} ${found[1]}` : name
  }
  return undefined
}

/** The page that people came from, as the router knows it: without what an address names. */
function route() {
  const paths = (globalThis.navigation?.entries() ?? []).map(({ url }) => (url ? new URL(url).pathname : ""))
  const last = paths.reverse().find((path) => path && !path.startsWith("/help"))
  return last && pages.find(({ path }) => match(path, last))?.path
}

/** request: the id of a request that failed, where the person comes from its error. */
export async function collect(request) {
  const { requests = [], ...known } = await rpc("ticket_diagnostics")
  const agent = navigator.userAgent
  return {
    browser: browser(agent), os: system(agent), route: route(), release: version, language: language.value, screen: `${innerWidth}x${innerHeight}`,
    ...known, requests: [...new Set([...(request ? [request] : []), ...requests])].slice(0, 10),
  }
}

/** Every value, in words. */
export function Shown({ diagnostics }) {
  const given = KEYS.filter((key) => diagnostics[key]?.length)
  if (!given.length) return html`<p class="soft small">${t("nothing")}</p>`
  return html`<dl class="diagnostics small">${given.map((key) => html`<div key=${key}><dt>${t(key)}</dt><dd>${[diagnostics[key]].flat().map((value) => html`<code>${value}</code>`)}</dd></div>`)}</dl>`
}

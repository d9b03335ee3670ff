// log.js: what came in by itself, newest first: webhooks of Meta, runs of lead sources, files; and what failed of it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { clock, day, full } from "../../lib/formats.js"
import { Button, Chip, Empty, lazy, Select, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { may } from "../../lib/session.js"
import { show } from "../../ui/dialog.js"
import { usePages } from "../../lib/paged.js"
import { held, kept, outcome, t } from "./log-words.js"
import { Run, Trace } from "./log-trace.js"

const ICONS = { whatsapp: "MessageCircle", indiamart: "Store", google_sheet: "FileSpreadsheet", file: "FileText" }
const Calls = lazy(() => import("./log-calls.js"))
const KINDS = { partly: "warn", failed: "bad", running: "info" }

export default function Log() {
  const [view, setView] = useState("arrived")
  if (!may("admin")) return html`<${Arrived} />`
  return html`<div class="tabs" role="tablist" aria-label=${t("views")}>${["arrived", "calls"].map((key) => html`<button type="button" role="tab" aria-selected=${key === view} onClick=${() => setView(key)}>${t(`view_${key}`)}</button>`)}</div>
    ${view === "calls" ? html`<${Calls} />` : html`<${Arrived} />`}`
}

function Arrived() {
  const [source, setSource] = useState("")
  const [shown, setShown] = useState("news")
  const log = usePages(`sync-log ${source} ${shown}`, async (next) => rpc("sync_log", { source: source || null, show: shown, ...next }), (item) => item.key)
  const open = async (item) => {
    await show((close) => (item.event_id ? html`<${Trace} item=${item} close=${close} />` : html`<${Run} item=${item} close=${close} />`))
    log.again()
  }
  return html`<p class="soft">${t("text")}</p>
    <div class="row breaks">
      <${Select} aria-label=${t("source")} class="input log-source" value=${source} onChange=${(event) => setSource(event.target.value)}
        options=${[["", t("allSources")], ...Object.keys(ICONS).map((key) => [key, t(key)])]} />
      ${["news", "failures", "all"].map((key) => html`<button type="button" class="chip" aria-pressed=${key === shown} onClick=${() => setShown(key)}>${t(`show_${key}`)}</button>`)}
    </div>
    ${log.isFresh && !log.problem ? html`<${Skeleton} lines=${8} height=${48} />`
      : log.problem ? html`<${Empty} icon="CircleAlert" title=${log.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${log.again}>${t("again")}<//>`} />`
      : !log.items.length ? html`<${Empty} icon=${shown === "failures" ? "CircleCheck" : "Inbox"} title=${t(shown === "failures" ? "noFailures" : "nothing")}>${t(shown === "failures" ? "noFailuresText" : "nothingText")}<//>`
      : html`<${Days} items=${log.items} open=${open} />`}
    ${!log.isFresh && !log.isEnd && log.items.length > 0 && html`<div><${Button} busy=${log.isLoading} onClick=${log.more}>${t("older")}<//></div>`}`
}

function Days({ items, open }) {
  const days = []
  for (const item of items) {
    const name = day(item.at)
    if (days.at(-1)?.name !== name) days.push({ name, items: [] })
    days.at(-1).items.push(item)
  }
  return days.map(({ name, items: ofDay }) => html`<section class="card log-day" key=${name}><h3 class="small soft">${name}</h3>
    <ul class="list">${ofDay.map((item) => html`<li key=${item.key}><${Line} item=${item} open=${open} /></li>`)}</ul></section>`)
}

function Line({ item, open }) {
  const hasMore = !item.event_id || may("admin")
  const inner = html`<${Icon} name=${ICONS[item.source] ?? "Globe"} size=${18} /><time class="numbers soft small" datetime=${item.at} title=${full(item.at)}>${clock(item.at)}</time>
    <span class="grow wrap">${item.name && item.source !== "indiamart" ? html`<bdi>${item.name}</bdi>: ` : ""}${item.event_id ? held(item) : outcome(item)}${kept(item)}</span>
    ${item.state !== "ok" && html`<${Chip} kind=${KINDS[item.state]}>${t(`state_${item.state}`)}<//>`}${hasMore && html`<${Icon} name="ChevronRight" size=${16} />`}`
  return hasMore ? html`<button type="button" class="log-line" onClick=${() => open(item)}>${inner}</button>` : html`<div class="log-line">${inner}</div>`
}

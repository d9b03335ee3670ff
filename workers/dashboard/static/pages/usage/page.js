// page.js: what a month's messages cost: at a glance, day by day, split, and as a statement.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { format } from "../../lib/words.js"
import { Chip, Empty, IconButton, Loaded, Notice } from "../../ui/basics.js"
import { Days } from "./days.js"
import { Differences } from "./differences.js"
import { Messages } from "./messages.js"
import { Spending } from "./spending.js"
import { Split } from "./split.js"
import { Statement } from "./statement.js"
import { t } from "./words.js"

const monthOf = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`
const moved = (month, by) => monthOf(new Date(Number(month.slice(0, 4)), Number(month.slice(5)) - 1 + by, 1))
const named = (month) => format(Intl.DateTimeFormat, { month: "long", year: "numeric" }).format(new Date(`${month}-15T00:00`))

function Month({ month, onMove }) {
  return html`<div class="row"><${IconButton} icon="ChevronLeft" label=${t("previous")} onClick=${() => onMove(-1)} />
    <strong class="month" aria-live="polite">${named(month)}</strong>
    <${IconButton} icon="ChevronRight" label=${t("next")} disabled=${month >= monthOf(new Date())} onClick=${() => onMove(1)} /></div>`
}

function Totals({ usage }) {
  const { totals, currency } = usage
  return html`<section class="card stack tight">
    <div class="row between breaks"><h2>${t("total")}</h2><${Chip} kind=${usage.closed ? "good" : ""}>${usage.closed ? t("closed") : t("open")}<//></div>
    <p class="figure numbers">${money(totals.total, currency)}</p>
    <p class="soft">${t("messages", { n: totals.messages })} · ${t("charged", { n: totals.charged })} · ${t("free", { n: totals.free })}</p>
    <dl class="parts"><div><dt>${t("meta")}</dt><dd class="numbers">${money(totals.meta_cost, currency)}</dd></div><div><dt>${t("markup")}</dt><dd class="numbers">${money(totals.markup, currency)}</dd></div></dl>
    ${Number(totals.billed) < Number(totals.total) && html`<p class="small soft">${t("metaPays")} ${t("totalHelp")}</p>`}
    ${totals.needs_review > 0 && html`<${Notice} kind="warn"><strong>${t("review", { n: totals.needs_review })}</strong><br />${t("reviewHelp")}<//>`}
  </section>`
}

function Allowance({ numbers }) {
  const shown = numbers.filter((one) => one.free_service_limit)
  if (!shown.length) return null
  return html`<section class="card stack tight"><h2>${t("allowance")}</h2>
    ${shown.map((one) => html`<div class="stack tight" key=${one.number_id}><div class="row between breaks"><span class="numbers">${one.display_phone}</span>
      <span class="soft small">${t("allowanceOf", { used: one.free_service_used, limit: one.free_service_limit })}</span></div>
      <div class="bar"><div style=${{ width: `${Math.min(100, (100 * one.free_service_used) / one.free_service_limit)}%` }}></div></div></div>`)}
  </section>`
}

export default function Usage({ query }) {
  const month = /^\d{4}-\d\d$/.test(query.month ?? "") ? query.month : monthOf(new Date())
  const key = `usage ${org.value.id} ${month}`
  const usage = useQuery(key, () => rpc("usage", { month }))
  const [filter, setFilter] = useState(null)
  const move = (by) => go(`/usage?month=${moved(month, by)}`, { replace: true })
  return html`<header class="top"><h1>${t("title")}</h1><${Month} month=${month} onMove=${move} /></header>
    <div class="body"><div class="broad stack">
      <${Loaded} query=${usage} retry=${() => refresh(key)} lines=${6} height=${56}>${(found) => html`
        <div class="usage-grid"><${Totals} usage=${found} /><${Spending} spending=${found.spending} onSaved=${() => refresh(key)} /></div>
        ${found.totals.messages === 0
          ? html`<${Empty} icon="IndianRupee" title=${t("empty")}>${t("emptyText")}<//>`
          : html`<${Days} days=${found.days} month=${month} currency=${found.currency} onDay=${(day) => setFilter({ day })} />
            <${Split} month=${month} currency=${found.currency} onChoose=${setFilter} />
            <${Allowance} numbers=${found.numbers} />
            <${Differences} month=${month} />
            <${Statement} month=${month} />`}
        ${found.other_currencies?.length > 0 && html`<p class="soft small">${found.other_currencies.map((other) => `${other.currency}: ${money(other.total, other.currency)} (${number(other.messages)})`).join(" · ")}</p>`}
        ${filter && html`<${Messages} month=${month} filter=${filter} onClose=${() => setFilter(null)} />`}`}<//>
    </div></div>`
}

// days.js: the cost of each day as bars, or as the table behind them.
import { html, useState } from "../../vendor/vendor.js"
import { money, number } from "../../lib/formats.js"
import { format } from "../../lib/words.js"
import { t } from "./words.js"

const daysOf = (month) => new Date(Number(month.slice(0, 4)), Number(month.slice(5)), 0).getDate()
const named = (day) => format(Intl.DateTimeFormat, { day: "numeric", month: "short" }).format(new Date(`${day}T00:00`))

export function Days({ days, month, currency, onDay }) {
  const [isTable, setTable] = useState(false)
  const known = Object.fromEntries(days.map((day) => [day.day, day]))
  const all = Array.from({ length: daysOf(month) }, (_, index) => `${month}-${String(index + 1).padStart(2, "0")}`)
  return html`<section class="card stack"><div class="row between"><h2>${t("byDay")}</h2>
      <button type="button" class="button quiet" onClick=${() => setTable(!isTable)}>${isTable ? t("asChart") : t("asTable")}</button></div>
    ${isTable ? html`<div class="table-wrap"><table class="table"><thead><tr><th>${t("day")}</th><th class="number">${t("count")}</th><th class="number">${t("cost")}</th></tr></thead>
      <tbody>${days.map((day) => html`<tr key=${day.day}><td><button type="button" class="link" onClick=${() => onDay(day.day)}>${named(day.day)}</button></td><td class="number">${number(day.messages)}</td><td class="number">${money(day.total, currency)}</td></tr>`)}</tbody></table></div>`
      : html`<${Bars} all=${all} known=${known} currency=${currency} onDay=${onDay} />`}
  </section>`
}

function Bars({ all, known, currency, onDay }) {
  const highest = Math.max(...Object.values(known).map((day) => Number(day.total)), 0.01)
  return html`<div class="bars"><p class="small soft numbers" aria-hidden="true">${money(highest, currency)}</p>
    <ol class="bars-days" aria-label=${t("byDay")}>${all.map((day, index) => {
      const found = known[day]
      const label = found && `${named(day)}: ${money(found.total, currency)}, ${t("messages", { n: found.messages })}`
      const height = found && `${Math.max(2, (100 * Number(found.total)) / highest)}%`
      const isNamed = index === 0 || (index + 1) % 5 === 0
      return html`<li key=${day}>${found ? html`<button type="button" aria-label=${label} title=${label} onClick=${() => onDay(day)}><span style=${{ height }}></span></button>` : html`<span></span>`}
        <span class="small soft numbers" aria-hidden="true">${isNamed ? index + 1 : ""}</span></li>`
    })}</ol></div>`
}

// split.js: the month's cost by category, number, template, person or source of leads.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded } from "../../ui/basics.js"
import { category, t } from "./words.js"

const DIMENSIONS = ["category", "number", "template", "agent", "source"]
/** What the list of messages can be filtered by. */
const FILTERS = { category: "category", number: "number_id", template: "template", agent: "agent" }

export function Split({ month, currency, onChoose }) {
  const [by, setBy] = useState("category")
  const key = `usage-by ${org.value.id} ${month} ${by}`
  const query = useQuery(key, () => rpc("usage_by", { month, dimension: by }))
  return html`<section class="card stack"><h2>${t("by")}</h2>
    <div class="row breaks" role="group" aria-label=${t("by")}>${DIMENSIONS.map((name) => html`<button type="button" class="chip" aria-pressed=${by === name} onClick=${() => setBy(name)}>${t(name)}</button>`)}</div>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${3}>${(lines) => html`<${Lines} ...${{ lines, by, currency }} onChoose=${(line) => onChoose({ [FILTERS[by]]: line.key })} />`}<//>
  </section>`
}

function Lines({ lines, by, currency, onChoose }) {
  const label = (line) => (line.key === null ? t("none") : by === "category" ? category(line.key) : line.label)
  const hasLeads = by === "source"
  return html`<div class="table-wrap"><table class="table"><thead><tr><th>${t(by)}</th><th class="number">${t("count")}</th>
      ${hasLeads && html`<th class="number">${t("leads")}</th><th class="number">${t("perLead")}</th><th class="number">${t("perWon")}</th>`}<th class="number">${t("cost")}</th></tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.key}>
      <td class="wrap">${line.key !== null && FILTERS[by] ? html`<button type="button" class="link" onClick=${() => onChoose(line)}>${label(line)}</button>` : label(line)}</td>
      <td class="number">${number(line.messages)}</td>
      ${hasLeads && html`<td class="number">${number(line.leads ?? 0)}</td><td class="number">${money(line.cost_per_lead, currency)}</td><td class="number">${money(line.cost_per_won_lead, currency)}</td>`}
      <td class="number">${money(line.total, currency)}</td></tr>`)}</tbody></table></div>`
}

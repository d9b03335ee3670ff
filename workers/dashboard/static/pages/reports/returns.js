// returns.js: what sources cost and what their leads brought, by whole months.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Empty, Loaded } from "../../ui/basics.js"
import { number, paise, percentOf, plain } from "./amounts.js"
import { Costs } from "./costs.js"
import { Bars, Figures, Legend, Tiles } from "./figures.js"
import { monthWords } from "./period.js"
import { useSources } from "./sources.js"
import { t } from "./words.js"

export function Returns({ period }) {
  const [from, to] = [period.from.slice(0, 7), period.to.slice(0, 7)]
  const key = `reports/returns/${org.value.id}/${from}/${to}`
  const query = useQuery(key, () => rpc("source_returns", { from_month: from, to_month: to }))
  const sources = useSources()
  return html`<p class="small soft">${t("months", { from: monthWords(from), to: monthWords(to) })}</p>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${56}>${(found) => (!found.sources.length ? html`<section class="card"><${Empty} icon="IndianRupee" title=${t("noReturns")}>${t("noReturnsText")}<//></section>`
      : html`<${Tiles} items=${[
          { label: t("cost"), value: paise(found.total.cost_paise), note: `${t("messageCost")}: ${paise(found.total.message_cost_paise)}` },
          { label: t("brought"), value: paise(found.total.won_value_paise), note: `${t("wonOf", { n: found.total.won })} · ${t("leads", { n: found.total.leads })}` },
          { label: t("gain"), value: paise(found.total.gain_paise), note: found.total.return_percent === null ? null : `${t("returnPercent")}: ${percentOf(found.total.return_percent)}` },
          { label: t("perLead"), value: paise(found.total.cost_per_lead_paise), note: `${t("perWon")}: ${paise(found.total.cost_per_won_paise)}` },
        ]} /><${Sources} found=${found} sources=${sources} file=${`returns-${from}-${to}`} />`)}<//>
    <${Costs} sources=${sources} />`
}

function Sources({ found, sources, file }) {
  const nameOf = (row) => (row === found.total ? t("total") : sources.nameOf(row.source_id, row.name))
  const amount = (name, label) => ({ label: t(label), value: (row) => plain(row[name]), shown: (row) => paise(row[name]) })
  const count = (name, label) => ({ label: t(label), value: (row) => row[name], shown: (row) => number(row[name]) })
  const columns = [{ label: t("source"), value: nameOf, isName: true }, count("leads", "received"), count("won", "won"), amount("own_cost_paise", "ownCost"), amount("message_cost_paise", "messageCost"), amount("cost_paise", "cost"),
    amount("cost_per_lead_paise", "perLead"), amount("cost_per_won_paise", "perWon"), amount("won_value_paise", "brought"), amount("gain_paise", "gain"),
    { label: t("returnPercent"), value: (row) => (row.return_percent === null ? null : Number(row.return_percent)), shown: (row) => percentOf(row.return_percent) }]
  const most = Math.max(1, ...found.sources.flatMap((row) => [row.cost_paise, row.won_value_paise]))
  const items = found.sources.flatMap((row) => {
    const name = nameOf(row)
    const line = (kind, label, size, note) => ({ key: `${row.source_id} ${kind}`, name: `${name} · ${label}`, end: paise(size), note, title: `${name}, ${label}: ${paise(size)}`, parts: [{ size, kind }] })
    return [line("lost", t("cost"), row.cost_paise), line("won", t("brought"), row.won_value_paise, [row.return_percent !== null && `${t("returnPercent")}: ${percentOf(row.return_percent)}`, row.cost_per_lead_paise !== null && `${t("perLead")}: ${paise(row.cost_per_lead_paise)}`].filter(Boolean).join(" · "))]
  })
  return html`<${Figures} title=${t("returns")} file=${file} columns=${columns} rows=${found.sources} total=${found.total}
    bars=${html`<${Legend} items=${[["lost", t("cost")], ["won", t("brought")]]} /><${Bars} label=${t("returns")} items=${items} most=${most} />`} />`
}

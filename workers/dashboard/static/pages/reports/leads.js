// leads.js: what became of the leads of a period: by source, by person, by reason.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded, Select } from "../../ui/basics.js"
import { number, paise, percent, plain } from "./amounts.js"
import { Bars, Figures, Legend, Tiles } from "./figures.js"
import { NoLeads } from "./none.js"
import { useSources } from "./sources.js"
import { t } from "./words.js"

const DIMENSIONS = ["source", "person", "lost_reason", "won_reason"]
const NONE = { source: "noSource", person: "nobody", lost_reason: "noReason", won_reason: "noReason" }

export function Leads({ period }) {
  const [dimension, setDimension] = useState("source")
  const [currency, setCurrency] = useState("INR")
  const { from, to } = period
  const read = (by) => () => rpc("lead_report", { from_day: from, to_day: to, dimension: by, currency })
  const keyOf = (by) => `reports/leads/${org.value.id}/${from}/${to}/${by}/${currency}`
  // The figures on top are those of all leads, whatever stands below.
  const whole = useQuery(keyOf("source"), read("source"))
  const split = useQuery(keyOf(dimension), read(dimension))
  return html`<${Loaded} query=${whole} retry=${() => refresh("reports/leads")} lines=${6} height=${56}>${({ total, other_currencies: others }) => (!total.leads ? html`<${NoLeads} period=${period} />` : html`
    <${Tiles} items=${[
      { label: t("received"), value: number(total.leads), note: t("openOf", { n: total.open }) },
      { label: t("contacted"), value: number(total.contacted), note: t("share", { percent: percent(total.contacted, total.leads) }) },
      { label: t("won"), value: number(total.won), note: t("share", { percent: percent(total.won, total.leads) }) },
      { label: t("wonValue"), value: paise(total.won_value_paise, currency), note: `${t("openValue")}: ${paise(total.open_value_paise, currency)}` },
    ]} />
    ${(others.length > 0 || currency !== "INR") && html`<div class="row breaks"><${Select} aria-label=${t("currency")} value=${currency} options=${[...new Set(["INR", currency, ...others])].map((code) => [code, code])} onChange=${(event) => setCurrency(event.target.value)} />
      <span class="small soft">${t("others", { currencies: others.join(", ") })}</span></div>`}
    <div class="row breaks" role="group" aria-label=${t("by")}>${DIMENSIONS.map((name) => html`<button type="button" class="chip" aria-pressed=${name === dimension} onClick=${() => setDimension(name)}>${t(`by_${name}`)}</button>`)}</div>
    <${Loaded} query=${split} retry=${() => refresh("reports/leads")} lines=${4} height=${40}>${(found) => html`<${Split} found=${found} dimension=${dimension} currency=${currency} file=${`leads-${dimension}-${from}-${to}`} />`}<//>`)}<//>`
}

function Split({ found, dimension, currency, file }) {
  const sources = useSources()
  const isReason = dimension.endsWith("reason")
  const nameOf = (row) => (row === found.total ? t("total") : row.key === null ? t(NONE[dimension]) : dimension === "source" ? sources.nameOf(row.key, row.name) : row.name ?? t("unknown"))
  const value = (name, label) => ({ label: t(label), value: (row) => plain(row[`${name}_value_paise`]), shown: (row) => paise(row[`${name}_value_paise`], currency) })
  const count = (name, label = name) => ({ label: t(label), value: (row) => row[name], shown: (row) => number(row[name]) })
  const columns = [{ label: t(`by_${dimension}`), value: nameOf, isName: true }, count("leads", "received"),
    ...(isReason ? [value(dimension === "won_reason" ? "won" : "lost", dimension === "won_reason" ? "wonValue" : "lostValue")]
      : [count("contacted"), count("won"), count("lost"), count("open"), value("won", "wonValue"), value("open", "openValue")])]
  const title = t(`chart_${dimension}`)
  if (!found.rows.length) return html`<section class="card"><p class="soft">${t("nothingSplit")}</p></section>`
  const items = found.rows.map((row) => {
    const name = nameOf(row)
    const said = isReason ? [t("leads", { n: row.leads })] : [t("wonOf", { n: row.won }), t("openOf", { n: row.open }), t("lostOf", { n: row.lost })]
    const worth = isReason ? row[dimension === "won_reason" ? "won_value_paise" : "lost_value_paise"] : row.won_value_paise
    return {
      key: row.key ?? "none", name, end: number(row.leads), note: [...(isReason ? [] : said), worth > 0 && `${t(dimension === "lost_reason" ? "lostValue" : "wonValue")}: ${paise(worth, currency)}`].filter(Boolean).join(" · "),
      title: `${name}: ${[t("leads", { n: row.leads }), ...(isReason ? [] : said)].join(", ")}`,
      parts: isReason ? [{ size: row.leads, kind: dimension === "won_reason" ? "won" : "lost" }] : ["won", "open", "lost"].map((kind) => ({ kind, size: row[kind] })),
    }
  })
  return html`<${Figures} title=${title} file=${file} columns=${columns} rows=${found.rows} total=${found.total}
    bars=${html`${!isReason && html`<${Legend} items=${["won", "open", "lost"].map((kind) => [kind, t(kind)])} />`}<${Bars} label=${title} items=${items} most=${Math.max(...found.rows.map((row) => row.leads))} />`} />`
}

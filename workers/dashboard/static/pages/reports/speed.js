// speed.js: how fast the leads of a period were greeted and answered.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded } from "../../ui/basics.js"
import { number, span } from "./amounts.js"
import { Bars, Figures, Legend, Tiles } from "./figures.js"
import { NoLeads } from "./none.js"
import { useSources } from "./sources.js"
import { t } from "./words.js"

const MEASURES = ["reply", "working", "greeting"]
const DIMENSIONS = ["source", "person"]

export function Speed({ period }) {
  const [dimension, setDimension] = useState("source")
  const [measure, setMeasure] = useState("reply")
  const { from, to } = period
  const key = `reports/speed/${org.value.id}/${from}/${to}/${dimension}`
  const query = useQuery(key, () => rpc("speed_to_lead", { from_day: from, to_day: to, dimension }))
  const chips = (all, chosen, choose, label, prefix = "") => html`<div class="row breaks" role="group" aria-label=${label}>${all.map((name) => html`<button type="button" class="chip" aria-pressed=${name === chosen} onClick=${() => choose(name)}>${t(prefix + name)}</button>`)}</div>`
  return html`<${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${56}>${(found) => (!found.total.leads ? html`<${NoLeads} period=${period} />` : html`
    <${Tiles} items=${MEASURES.map((name) => ({
      label: t(name), value: found.total[`${name}_median`] === null ? t("never") : span(found.total[`${name}_median`]),
      note: [t("halfOfThem"), found.total[`${name}_p90`] !== null && `${t("ninety")} ${span(found.total[`${name}_p90`])}`, name === "greeting" ? t("greetedOf", { some: found.total.greeted, all: found.total.leads }) : name === "reply" && t("repliedOf", { some: found.total.replied, all: found.total.leads })].slice(found.total[`${name}_median`] === null ? 2 : 0).filter(Boolean).join(" · "),
    }))} />
    <div class="row breaks spread">${chips(MEASURES, measure, setMeasure, t("speed"))}${chips(DIMENSIONS, dimension, setDimension, t("speedBy"), "by_")}</div>
    <${Split} found=${found} dimension=${dimension} measure=${measure} file=${`speed-${dimension}-${from}-${to}`} />`)}<//>`
}

function Split({ found, dimension, measure, file }) {
  const sources = useSources()
  const nameOf = (row) => (row === found.total ? t("total") : row.key === null ? t(dimension === "person" ? "phone" : "noSource") : dimension === "source" ? sources.nameOf(row.key, row.name) : row.name ?? t("unknown"))
  const time = (name) => [["median", "half"], ["p90", "ninety"]].map(([suffix, label]) => ({ label: `${t(name)}: ${t(label)}`, value: (row) => (row[`${name}_${suffix}`] === null ? null : span(row[`${name}_${suffix}`])), shown: (row) => span(row[`${name}_${suffix}`]) }))
  const count = (name, label) => ({ label, value: (row) => row[name], shown: (row) => number(row[name]) })
  const columns = [{ label: t(`by_${dimension}`), value: nameOf, isName: true }, count("leads", t("received")), count("greeted", t("greeting")), count("replied", t("contacted")), ...MEASURES.flatMap(time)]
  const items = found.rows.map((row) => {
    const [half, ninety] = [row[`${measure}_median`], row[`${measure}_p90`]]
    const name = nameOf(row)
    const many = measure === "greeting" ? t("greetedOf", { some: row.greeted, all: row.leads }) : t("repliedOf", { some: row.replied, all: row.leads })
    return {
      key: row.key ?? "none", name, end: half === null ? t("never") : span(half), note: [ninety !== null && `${t("ninety")} ${span(ninety)}`, many].filter(Boolean).join(" · "),
      title: half === null ? `${name}: ${t("never")}` : t("speedOf", { name, half: span(half), ninety: span(ninety) }), parts: half === null ? [] : [{ size: Math.max(half, 1), kind: "half" }, { size: ninety - half, kind: "ninety" }],
    }
  })
  return html`<${Figures} title=${t(measure)} file=${file} columns=${columns} rows=${found.rows} total=${found.total}
    bars=${html`<${Legend} items=${[["half", t("half")], ["ninety", t("ninety")]]} /><${Bars} label=${t(measure)} items=${items} most=${Math.max(1, ...found.rows.map((row) => row[`${measure}_p90`] ?? 0))} />`} />`
}

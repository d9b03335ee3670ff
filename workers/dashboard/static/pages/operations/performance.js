// performance.js: how fast Flow is: requests, pages as browsers measure them, calls to other services, jobs.
import { html, useState } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { moment, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { format } from "../../lib/words.js"
import { Chip, Loaded } from "../../ui/basics.js"
import { t } from "./performance-words.js"

const SPANS = ["hour", "day", "week", "month", "quarter"]
// What web.dev calls good, and from where on it is poor.
const LIMITS = { lcp: [2500, 4000], inp: [200, 500], cls: [0.1, 0.25], ttfb: [800, 1800] }

const time = (ms) => {
  if (ms === null || ms === undefined) return "–"
  const isLong = ms >= 10_000
  return format(Intl.NumberFormat, { style: "unit", unit: isLong ? "second" : "millisecond", unitDisplay: "short", maximumFractionDigits: ms < 10 || isLong ? 1 : 0 }).format(isLong ? ms / 1000 : ms)
}
const rate = (count, minutes) => t("perMinute", { n: format(Intl.NumberFormat, { maximumSignificantDigits: 2 }).format(count / minutes) })
const share = (part, whole) => format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 1 }).format(whole ? part / whole : 0)

const Figures = ({ title, rows, minutes }) => html`<section class="card stack tight"><h2>${title}</h2>
  ${!rows.length ? html`<p class="soft">${t("none")}</p>` : html`<div class="table-wrap" tabindex="0" role="region" aria-label=${title}><table class="table figures"><thead><tr><th>${t("name")}</th><th class="number">${t("count")}</th><th class="number">${t("rate")}</th><th class="number">${t("failed")}</th><th class="number">p50</th><th class="number">p95</th><th class="number">p99</th><th class="number">${t("max")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><th class="wrap" scope="row"><bdi>${row.name}</bdi></th><td class="number">${number(row.count)}</td><td class="number soft">${rate(row.count, minutes)}</td>
      <td class="number">${row.failed ? html`<${Chip} kind="bad" title=${share(row.failed, row.count)}>${number(row.failed)}<//>` : "0"}</td>
      ${["p50", "p95", "p99", "max"].map((key) => html`<td class="number">${time(row[key])}</td>`)}</tr>`)}</tbody></table></div>`}
</section>`

function Vital({ name, value }) {
  if (value === null || value === undefined) return html`<span class="soft">–</span>`
  const [good, poor] = LIMITS[name]
  const kind = value <= good ? "good" : value <= poor ? "warn" : "bad"
  return html`<${Chip} kind=${kind} title=${t(kind)}>${name === "cls" ? number(value) : time(value)}<//>`
}

const Pages = ({ rows }) => html`<section class="card stack tight"><h2>${t("pages")}</h2><p class="soft small">${t("pagesText")}</p>
  ${!rows.length ? html`<p class="soft">${t("none")}</p>` : html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("pages")}><table class="table figures"><thead><tr><th>${t("name")}</th><th class="number">${t("opened")}</th><th class="number">${t("seen")}</th><th class="number">${t("load")}</th><th class="number">TTFB</th><th class="number">LCP</th><th class="number">INP</th><th class="number">CLS</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><th class="wrap" scope="row"><bdi>${row.name}</bdi></th><td class="number">${number(row.count)}</td><td class="number">${time(row.seen)}</td><td class="number">${time(row.load)}</td>
      ${["ttfb", "lcp", "inp", "cls"].map((name) => html`<td class="number"><${Vital} name=${name} value=${row[name]} /></td>`)}</tr>`)}</tbody></table></div>`}
</section>`

export default function Performance() {
  const [span, setSpan] = useState("hour")
  const key = `performance ${span}`
  const query = useQuery(key, () => rpcAlone("operations_performance", { span }))
  return html`<div class="broad stack"><div class="periods" role="group" aria-label=${t("span")}>${SPANS.map((one) => html`<button type="button" class="chip" aria-pressed=${one === span} onClick=${() => setSpan(one)}>${t(`span_${one}`)}</button>`)}</div>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${10} height=${40}>${(told) => {
      const minutes = (new Date(told.until) - new Date(told.since)) / 60_000
      return html`<p class="soft small">${t(told.is_daily ? "daily" : "recent", { since: moment(told.since) })}</p>
        <${Figures} title=${t("requests")} rows=${told.requests} minutes=${minutes} />
        <${Pages} rows=${told.pages} />
        <${Figures} title=${t("calls")} rows=${told.calls} minutes=${minutes} />
        <${Figures} title=${t("jobs")} rows=${told.jobs} minutes=${minutes} />`
    }}<//></div>`
}

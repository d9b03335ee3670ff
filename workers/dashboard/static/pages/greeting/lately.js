// lately.js: how the greetings of the last days went, and why some leads got none.
import { html } from "../../vendor/vendor.js"
import { number } from "../../lib/formats.js"
import { reasonWords, t } from "./words.js"

export function Lately({ report }) {
  const skipped = report.skipped.reduce((sum, { leads }) => sum + leads, 0)
  const shown = [["leads", report.leads], ["arrived", report.arrived], ["read", report.read], report.under_way > 0 && ["underWay", report.under_way], report.failed > 0 && ["failed", report.failed], skipped > 0 && ["skipped", skipped]].filter(Boolean)
  const reasons = Object.entries(report.skipped.reduce((sums, { reason, leads }) => ({ ...sums, [reasonWords(reason)]: (sums[reasonWords(reason)] ?? 0) + leads }), {}))
  return html`<section class="card stack tight"><h2>${t("lately", { n: report.days })}</h2>
    <dl class="greeting-figures">${shown.map(([name, count]) => html`<div key=${name}><dt>${t(name)}</dt><dd class="numbers ${name === "failed" ? "danger" : ""}">${number(count)}</dd></div>`)}</dl>
    ${reasons.length > 0 && html`<details><summary>${t("whyNot")}</summary><ul class="greeting-reasons">${reasons.map(([words, count]) => html`<li class="row between" key=${words}><span class="wrap">${words}</span><span class="numbers soft">${number(count)}</span></li>`)}</ul></details>`}
  </section>`
}

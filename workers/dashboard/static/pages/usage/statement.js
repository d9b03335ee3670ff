// statement.js: the month's statement in short, to download as PDF or CSV.
import { html } from "../../vendor/vendor.js"
import { download, rpc } from "../../lib/api.js"
import { money, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Loaded } from "../../ui/basics.js"
import { category, t } from "./words.js"

async function save(month, format) {
  const url = URL.createObjectURL(await download("statement", { month, format }))
  const link = Object.assign(document.createElement("a"), { href: url, download: `usage-${month}.${format}` })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

export function Statement({ month }) {
  const key = `statement ${org.value.id} ${month}`
  const query = useQuery(key, () => rpc("statement", { month }))
  return html`<section class="card stack"><h2>${t("statement")}</h2>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${4}>${(found) => html`
      ${!found.closed && html`<p class="soft">${t("preview")}</p>`}
      <div class="table-wrap"><table class="table"><thead><tr><th>${t("category")}</th><th class="number">${t("count")}</th><th class="number">${t("meta")}</th><th class="number">${t("markup")}</th></tr></thead><tbody>
        ${found.lines.map((line) => html`<tr key=${line.category}><td>${category(line.category)}</td><td class="number">${number(line.messages)}</td><td class="number">${money(line.meta_cost, found.currency)}</td><td class="number">${money(line.markup, found.currency)}</td></tr>`)}
      </tbody></table></div>
      <dl class="sums numbers">
        <div><dt>${t("taxable")}</dt><dd>${money(found.taxable, found.currency)}</dd></div>
        <div><dt>${t("gst", { percent: found.gst_percent })}</dt><dd>${money(Number(found.cgst) + Number(found.sgst) + Number(found.igst), found.currency)}</dd></div>
        <div><dt><strong>${t("sum")}</strong></dt><dd><strong>${money(found.total, found.currency)}</strong></dd></div>
      </dl>
      <div class="row breaks"><${Button} icon="FileText" onClick=${() => save(month, "pdf")}>${t("pdf")}<//><${Button} icon="FileSpreadsheet" onClick=${() => save(month, "csv")}>${t("csv")}<//></div>`}<//>
  </section>`
}

// invoices.js: invoices and credit notes, newest first, each as PDF.
import { html } from "../../vendor/vendor.js"
import { download, rpc } from "../../lib/api.js"
import { date } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { Button, Chip, Empty, Skeleton } from "../../ui/basics.js"
import { paise } from "./parts.js"
import { t, told } from "./words.js"

async function save({ id, number }) {
  const url = URL.createObjectURL(await told(download("invoice", { invoice_id: id })))
  Object.assign(document.createElement("a"), { href: url, download: `${number.replaceAll("/", "-")}.pdf` }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** many: how many there are, so that a new one is read when it comes. */
export function Invoices({ many }) {
  const list = usePages(`invoices ${many}`, async (next) => {
    const found = await rpc("list_invoices", { before_id: next, page_size: 30 })
    return { items: found.invoices, next: found.next }
  })
  return html`<section class="card stack"><h2>${t("invoices")}</h2>
    ${list.isFresh && list.isLoading && html`<${Skeleton} lines=${3} height=${32} />`}
    ${list.isEnd && !list.items.length && html`<${Empty} icon="FileText" title=${t("noInvoices")}>${t("noInvoicesText")}<//>`}
    ${list.items.length > 0 && html`<ul class="list">${list.items.map((one) => html`<li class="billing-line" key=${one.id}>
      <span class="grow"><span class="row breaks"><strong class="numbers">${one.number}</strong><${Chip} kind=${one.kind === "credit_note" ? "info" : one.is_paid ? "good" : "warn"}>${one.kind === "credit_note" ? t("credit_note") : t(one.is_paid ? "paid" : "open_")}<//></span>
        <span class="small soft">${date(`${one.issued_on}T12:00`)} · ${t(`p_${one.purpose}`)}</span></span>
      <span class="numbers">${one.kind === "credit_note" ? "−" : ""}${paise(one.total)}</span>
      <${Button} icon="Download" aria-label=${t("pdfOf", { number: one.number })} onClick=${() => save(one)}>${t("pdf")}<//></li>`)}</ul>`}
    ${list.problem && html`<div class="row breaks"><span class="wrap">${list.problem.words}</span></div>`}
    ${list.items.length > 0 && !list.isEnd && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("more")}<//></div>`}</section>`
}

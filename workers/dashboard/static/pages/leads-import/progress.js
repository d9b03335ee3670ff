// progress.js: how far an import is. It goes on without this page.
import { html } from "../../vendor/vendor.js"
import { number } from "../../lib/formats.js"
import { Counts, countsOf } from "./outcome.js"
import { t } from "./words.js"

export function Progress({ told }) {
  const counts = countsOf(told)
  const done = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const part = told.rows_total ? Math.min(1, done / told.rows_total) : 0
  const name = told.status === "uploaded" ? "reading" : told.status === "undoing" ? "undoing" : told.is_check ? "checking" : "storing"
  const isCounted = name === "checking" || name === "storing"
  return html`<section class="card stack" role="status"><h3>${t(name)}</h3>
    <div class="bar" role="progressbar" aria-label=${t(name)} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${isCounted ? Math.round(part * 100) : undefined}><div style=${{ width: `${isCounted ? part * 100 : 35}%` }}></div></div>
    ${isCounted && html`<p class="soft numbers">${t("progress", { done: number(done), all: number(told.rows_total ?? 0) })}</p><${Counts} counts=${counts} />`}
    <p class="small soft">${t("mayLeave")}</p></section>`
}

// errors.js: the rows that could not be stored, the first of them here, all of them as a file.
import { html } from "../../vendor/vendor.js"
import { download, rpc } from "../../lib/api.js"
import { number } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { Button, Skeleton } from "../../ui/basics.js"
import { t } from "./words.js"

const SHOWN = 20
const CODES = ["phone_invalid", "no_phone_or_email", "phone_lost_digits", "id_reused", "refused", "worked_on", "in_another_import", "changed_since", "in_use", "gone"]

async function save(id) {
  const blob = await download("imports/errors", { import_id: id })
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = "import-errors.csv"
  link.dataset.leave = ""
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

export function Errors({ told }) {
  const { data } = useQuery(`lead-import-errors/${told.import_id}/${told.pass}/${told.status}`, () => rpc("import_errors", { import_id: told.import_id, page: SHOWN }))
  return html`<div class="stack tight"><div class="row between breaks"><h3>${t("errors")}</h3><${Button} icon="Download" onClick=${() => save(told.import_id)}>${t("downloadErrors")}<//></div>
    ${!data ? html`<${Skeleton} lines=${2} />` : html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("errors")}><table class="table"><thead><tr><th>${t("row")}</th><th>${t("column")}</th><th>${t("why")}</th><th>${t("cell")}</th></tr></thead>
      <tbody>${data.rows.map((row) => html`<tr><td class="numbers">${number(row.row)}</td><td class="wrap">${row.column ?? ""}</td><td>${CODES.includes(row.code) ? t(`code_${row.code}`) : row.code?.replaceAll("_", " ")}</td><td class="wrap">${row.raw ?? ""}</td></tr>`)}</tbody></table></div>
      ${told.rows_error > SHOWN && html`<p class="small soft">${t("firstErrors", { n: SHOWN })}</p>`}`}</div>`
}

// matching.js: how the file was read, which column is which field, what a dry run counted; then the rows are stored.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Check, Field, Notice, Select } from "../../ui/basics.js"
import { Errors } from "./errors.js"
import { Counts } from "./outcome.js"
import { t } from "./words.js"

const FIELDS = ["name", "phone", "phone_2", "email", "company", "city", "state", "pincode", "country", "address", "product", "title", "message", "received_at", "external_id"]
const ENCODINGS = ["utf-8", "cp1252", "utf-16", "mixed"]
const DELIMITERS = [[",", "comma"], [";", "semicolon"], ["\t", "tab"], ["|", "pipe"]]

export function Matching({ told, again }) {
  const { reading, checked } = told
  const names = reading.columns.map(({ name }) => name)
  const [columns, setColumns] = useState(() => told.mapping?.columns ?? told.remembered?.columns
    ?? Object.fromEntries(reading.columns.map(({ field }, index) => [index, field]).filter(([, field]) => field)))
  const [greet, setGreet] = useState(false)
  const choose = (name, value) => rpc("preview_import", { import_id: told.import_id, choices: { ...told.choices, [name]: value } }).then(again)
  const match = (index, field) => setColumns((now) => {
    const next = Object.fromEntries(Object.entries(now).filter(([at, taken]) => taken !== field && at !== String(index)))
    return field ? { ...next, [index]: field } : next
  })
  const isSame = checked && JSON.stringify(Object.entries(checked.mapping.columns).sort()) === JSON.stringify(Object.entries(columns).sort())
  const mapping = { columns, country: told.mapping?.country ?? null }
  const start = (more) => rpc("confirm_import", { import_id: told.import_id, mapping, ...more }).then(again)
  const hasWay = Object.values(columns).some((field) => field === "phone" || field === "email")
  const found = checked?.greetable ?? 0
  const price = useQuery(isSame && found ? `leads-greeting/upload/${checked.mapping.country}` : null, () => rpc("greeting_price", { country: checked.mapping.country, source: "upload" })).data
  if (!may("admin")) return html`<${Notice}>${t("onlyAdmins")}<//>`
  return html`
    <section class="card stack"><h3>${t("howRead", { n: reading.rows })}</h3>
      <details open=${reading.columns.length < 2}><summary>${t("changeReading")}</summary><div class="filter-grid">
        ${reading.sheets?.length > 1 && html`<${Field} label=${t("sheet")}>${(props) => html`<${Select} ...${props} value=${reading.sheet} options=${reading.sheets.map((sheet) => [sheet, sheet])} onChange=${(event) => choose("sheet", event.target.value)} />`}<//>`}
        ${reading.format === "csv" && html`<${Field} label=${t("encoding")} help=${t("encodingHelp")}>${(props) => html`<${Select} ...${props} value=${reading.encoding} options=${ENCODINGS.map((name) => [name, t(`encoding_${name.replace("-", "")}`)])} onChange=${(event) => choose("encoding", event.target.value)} />`}<//>
          <${Field} label=${t("delimiter")}>${(props) => html`<${Select} ...${props} value=${reading.delimiter} options=${DELIMITERS.map(([key, name]) => [key, t(name)])} onChange=${(event) => choose("delimiter", event.target.value)} />`}<//>`}
        <${Field} label=${t("headerRow")}>${(props) => html`<${Select} ...${props} value=${String(reading.header_row)} options=${[["0", t("noHeader")], ...Array.from({ length: Math.max(10, reading.header_row) }, (_, row) => [String(row + 1), t("rowNumber", { n: row + 1 })])]}
          onChange=${(event) => choose("header_row", Number(event.target.value))} />`}<//>
      </div></details>
      ${reading.notes.includes("digits_lost") && html`<${Notice} kind="warn">${t("digitsLost")}<//>`}
      ${reading.notes.includes("dates_disagree") && html`<${Notice} kind="warn">${t("datesDisagree")}<//>`}
    </section>
    <section class="card stack"><div><h3>${t("match")}</h3><p class="soft small">${t("matchText")}</p></div>
      <div class="table-wrap" tabindex="0" role="region" aria-label=${t("match")}><table class="table preview"><thead><tr>${names.map((name, index) => html`<th><span class="clip"><bdi>${name}</bdi></span>
        <${Select} aria-label=${t("columnIs", { column: name })} value=${columns[index] ?? ""} options=${[["", t("leaveOut")], ...FIELDS.map((field) => [field, t(`field_${field}`)])]} onChange=${(event) => match(index, event.target.value)} /></th>`)}</tr></thead>
        <tbody>${reading.preview.slice(0, 6).map((row) => html`<tr>${names.map((_, index) => html`<td class="clip ${columns[index] ? "" : "faint"}"><bdi>${row[index]}</bdi></td>`)}</tr>`)}</tbody></table></div>
      ${!hasWay && html`<${Notice} kind="warn">${t("needsPhone")}<//>`}
      ${!isSame && html`<div class="row"><${Button} kind="primary" icon="ListChecks" disabled=${!hasWay} onClick=${() => start({ is_check: true })}>${t("check")}<//><span class="small soft">${t("checkText")}</span></div>`}
    </section>
    ${isSame && html`<section class="card stack" aria-live="polite"><h3>${t("checkedTitle")}</h3><${Counts} counts=${checked} />
      ${checked.error > 0 && html`<${Errors} told=${told} />`}
      ${found > 0 && (price?.greets ? html`<${Check} checked=${greet} onChange=${(event) => setGreet(event.target.checked)} label=${t("greet", { n: found })}
        help=${price.price === null ? t("greetNoPrice") : t("greetPrice", { each: money(price.price, price.currency, 4), all: money(times(price.price, found), price.currency) })} />` : price && html`<p class="small soft">${t("greetNone")}</p>`)}
      <div class="row breaks"><${Button} kind="primary" icon="Check" disabled=${!(checked.new + checked.updated)} onClick=${() => start({ greet, greet_count: greet ? found : null })}>${t("store", { n: checked.new })}<//>
        <span class="small soft">${t(greet ? "storeGreets" : "storeQuiet", { n: found })}</span></div></section>`}`
}

/** A price with six decimals, so many times: exactly. */
function times(price, count) {
  const whole = (BigInt(price.replace(".", "")) * BigInt(count)).toString().padStart(7, "0")
  return `${whole.slice(0, -6)}.${whole.slice(-6)}`
}

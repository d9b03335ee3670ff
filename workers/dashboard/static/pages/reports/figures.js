// figures.js: what reports are made of: big figures, bars, and one table that is shown, read out and downloaded.
import { html, useState } from "../../vendor/vendor.js"
import { saveCsv } from "./csv.js"
import { Button } from "../../ui/basics.js"
import { t } from "./words.js"

/** items: [{label, value, note}] */
export const Tiles = ({ items }) => html`<dl class="tiles">${items.map(({ label, value, note }) => html`<div key=${label} class="card"><dt class="soft small">${label}</dt><dd class="figure numbers">${value}</dd>${note && html`<dd class="soft small">${note}</dd>`}</div>`)}</dl>`

/** rows as bars, or as the table behind them, which can be downloaded.
 *  columns: [{label, value(row): a number, text or null for the file, shown(row): for the table (value unless given), isName}]
 *  total: one more row; bars: what stands there until the table is asked for. */
export function Figures({ title, file, columns, rows, total, bars }) {
  const [isTable, setTable] = useState(false)
  const save = () => saveCsv(file, [columns.map(({ label }) => label), ...[...rows, total].filter(Boolean).map((row) => columns.map(({ value }) => value(row)))])
  return html`<section class="card stack figures"><div class="row between breaks"><h2>${title}</h2>
      <div class="row"><${Button} kind="quiet" icon=${isTable ? "ChartColumn" : "List"} onClick=${() => setTable(!isTable)}>${t(isTable ? "asChart" : "asTable")}<//>
        <${Button} kind="quiet" icon="Download" aria-label=${t("csvOf", { title })} onClick=${save}>${t("csv")}<//></div></div>
    ${isTable ? html`<${Table} title=${title} columns=${columns} rows=${rows} total=${total} />` : bars}
  </section>`
}

function Table({ title, columns, rows, total }) {
  const cells = (row) => columns.map(({ label, value, shown = value, isName }) => (isName
    ? html`<th key=${label} scope="row" class="wrap">${shown(row)}</th>` : html`<td key=${label} class="number">${shown(row) ?? t("unknown")}</td>`))
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${title}><table class="table"><thead><tr>${columns.map(({ label, isName }) => html`<th key=${label} scope="col" class=${isName ? "" : "number"}>${label}</th>`)}</tr></thead>
    <tbody>${rows.map((row, index) => html`<tr key=${index}>${cells(row)}</tr>`)}</tbody>${total && html`<tfoot><tr>${cells(total)}</tr></tfoot>`}</table></div>`
}

/** One line for each item, with a bar in proportion: [{key, name, end, note, parts: [{size, kind}], title: what the bar says}].
 *  most: what the whole width stands for. */
export const Bars = ({ items, most, label, isOrdered = false }) => html`<${isOrdered ? "ol" : "ul"} class="bar-rows" aria-label=${label}>${items.map(({ key, name, end, note, parts, title }) => html`<li key=${key}>
  <div class="row between"><bdi class="clip">${name}</bdi><strong class="numbers">${end}</strong></div>
  <svg class="bar-line" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=${title}><title>${title}</title><rect class="track" width="1000" height="10" />${placed(parts, most).map(({ kind, x, width }) => html`<rect key=${kind} class=${kind} x=${x} width=${width} height="10" />`)}</svg>
  ${note && html`<p class="small soft">${note}</p>`}
</li>`)}<//>`

/** Where the parts of a bar stand, one after the other, to a thousandth of the width; what is there is always seen. */
function placed(parts, most) {
  let x = 0
  return parts.filter(({ size }) => size > 0).map(({ kind, size }) => {
    const width = Math.max(4, Math.round((1000 * size) / most))
    const at = x
    x += width
    return { kind, x: at, width }
  })
}

export const Legend = ({ items }) => html`<ul class="legend small">${items.map(([kind, label]) => html`<li key=${kind}><span class="swatch ${kind}" aria-hidden="true"></span>${label}</li>`)}</ul>`

// csv.js: a table as a file for spreadsheets, none of whose cells is taken for a formula.

const FORMULA = /^[\s\u0000]*[=+\-@\uFF0B\uFF0D\uFF1D\uFF20]|^[\t\r\n]/

/** A number stays one; a text that a spreadsheet would work out gets an apostrophe before it. */
function cell(value) {
  if (value === null || value === undefined) return ""
  if (typeof value === "number") return String(value)
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Rows of numbers, texts and nulls as CSV; the mark at its beginning tells Excel that it is UTF-8. */
export const asCsv = (rows) => `\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`

/** Hands a table to the person as a file. */
export function saveCsv(name, rows) {
  const url = URL.createObjectURL(new Blob([asCsv(rows)], { type: "text/csv;charset=utf-8" }))
  Object.assign(document.createElement("a"), { href: url, download: `${name}.csv` }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

// fields.js: an organization's own fields: how their values read, and how they are typed.
import { html } from "../../vendor/vendor.js"
import { day, number, phone } from "../../lib/formats.js"
import { Select } from "../../ui/basics.js"
import { t } from "./words.js"

/** A value as text. */
export function customText(field, value) {
  if (value === undefined || value === null) return ""
  if (field.kind === "yes_no") return t(value ? "yes" : "no")
  if (field.kind === "date") return day(`${value}T12:00:00`)
  if (field.kind === "number") return number(Number(value))
  return field.kind === "phone" ? phone(value) : String(value)
}

/** What an input holds for a value. */
export const asInput = (field, value) => (value === undefined || value === null ? "" : field.kind === "yes_no" ? (value ? "yes" : "no") : String(value))

/** What an input's text means: null for nothing. The database says whether it may be. */
export function fromInput(field, text) {
  const plain = text.trim()
  if (!plain) return null
  if (field.kind === "yes_no") return plain === "yes"
  if (field.kind === "number") return plain.replace(/[\s,]/g, "")
  if (field.kind === "phone") return plain.replace(/[\s()-]/g, "")
  return plain
}

const TYPES = { number: { inputmode: "decimal" }, date: { type: "date" }, phone: { type: "tel", placeholder: "+91…" }, url: { type: "text", inputmode: "url", placeholder: "https://" } }

/** The input of a field; props: id and aria of a Field, value, onInput(text), and what else. */
export function FieldInput({ field, value, onInput, ...props }) {
  if (field.kind === "choice" || field.kind === "yes_no") {
    const options = field.kind === "yes_no" ? [["yes", t("yes")], ["no", t("no")]] : field.choices.map((choice) => [choice, choice])
    if (value && !options.some(([key]) => key === value)) options.push([value, value]) // not offered any more, and still there
    return html`<${Select} ...${props} value=${value} options=${[["", "–"], ...options]} onChange=${(event) => onInput(event.target.value)} />`
  }
  return html`<input ...${TYPES[field.kind] ?? {}} ...${props} autocomplete="off" value=${value} onInput=${(event) => onInput(event.target.value)} />`
}

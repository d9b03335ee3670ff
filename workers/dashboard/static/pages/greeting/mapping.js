// mapping.js: where the values of a template come from: a field of the lead for each, and words for when it is empty.
import { html } from "../../vendor/vendor.js"
import { Field, Select } from "../../ui/basics.js"
import { FileField } from "../inbox/file-field.js"
import { FIELDS } from "./saying.js"
import { t } from "./words.js"

const MEDIA = ["IMAGE", "VIDEO", "DOCUMENT"]
const PLACE = ["latitude", "longitude", "name", "address"]
const ALIKE = { customer: "name", customer_name: "name", first_name: "name", full_name: "name", business: "organization", item: "product" }

/** What a template takes: names of heading and body, what its heading carries, buttons that need a value. */
const wants = ({ parameters = {} }) => ({
  header: parameters.header?.names ?? [], format: parameters.header && !parameters.header.names?.length ? parameters.header.format : null,
  body: parameters.body?.names ?? [], buttons: (parameters.buttons ?? []).filter(({ needs }) => needs === "required"),
})

/** By the placeholder's name; a nameless first one is nearly always the person, the second the product. */
const guess = (name, at) => (FIELDS.includes(name) ? name : ALIKE[name] ?? (at === 0 ? "name" : at === 1 ? "product" : "organization"))

const gathered = (names, isNamed, value) => (isNamed ? Object.fromEntries(names.map((name, at) => [name, value(name, at)])) : names.map(value))

export function guessMapping(template) {
  const { header, body, buttons } = wants(template)
  const isNamed = template.parameter_format === "NAMED"
  return {
    body: gathered(body, isNamed, guess), ...(header.length && { header: gathered(header, isNamed, guess) }),
    ...(buttons.length && { buttons: buttons.map(({ index }) => ({ index, value: "product" })) }),
  }
}

const valuesOf = (part, names) => names.map((name, at) => (Array.isArray(part) ? part[at] : typeof part === "string" && names.length === 1 ? part : part?.[name]))

/** A stored mapping when it fits the template, else null. */
export function mappingFor(template, mapping) {
  if (!mapping) return null
  const { header, body } = wants(template)
  const fits = (names, part) => valuesOf(part, names).every((value) => typeof value === "string") && (Array.isArray(part) ? part.length === names.length : true)
  return fits(body, mapping.body ?? []) && (!header.length || fits(header, mapping.header)) ? mapping : null
}

function Value({ label, value, onChange }) {
  const [field, ...rest] = (value ?? "name").split("|")
  const words = rest.join("|")
  const put = (nextField, nextWords) => onChange(nextWords.trim() ? `${nextField}|${nextWords.replaceAll("|", " ")}` : nextField)
  return html`<div class="greeting-pair"><${Field} label=${label}>${(props) => html`<${Select} ...${props} value=${field} options=${FIELDS.map((one) => [one, t(`field_${one}`)])} onChange=${(event) => put(event.target.value, words)} />`}<//>
    <${Field} label=${t("ifEmpty")}>${(props) => html`<input ...${props} dir="auto" maxlength="100" placeholder=${["name", "product"].includes(field) ? t(`empty_${field}`) : "-"} value=${words} onInput=${(event) => put(field, event.target.value)} />`}<//></div>`
}

/** number: id of the number under which a file of the heading is kept. */
export function Mapping({ template, mapping, number, onChange }) {
  const { header, format, body, buttons } = wants(template)
  const isNamed = template.parameter_format === "NAMED"
  const part = (kind, names, label) => valuesOf(mapping[kind], names).map((value, at) => html`<${Value} key=${`${kind} ${names[at]}`} label=${t(label, { name: `{{${names[at]}}}` })} value=${value}
    onChange=${(next) => onChange({ ...mapping, [kind]: gathered(names, isNamed, (_, other) => (other === at ? next : valuesOf(mapping[kind], names)[other])) })} />`)
  const button = ({ index }) => {
    const shown = template.components.find(({ type }) => type?.toUpperCase() === "BUTTONS")?.buttons[index]?.text ?? index + 1
    const others = (mapping.buttons ?? []).filter((one) => one.index !== index)
    return html`<${Value} key=${`button ${index}`} label=${t("valueButton", { name: shown })} value=${(mapping.buttons ?? []).find((one) => one.index === index)?.value} onChange=${(value) => onChange({ ...mapping, buttons: [...others, { index, value }] })} />`
  }
  if (!header.length && !body.length && !buttons.length && (!format || format === "TEXT")) return html`<p class="soft small">${t("noValues")}</p>`
  return html`<fieldset class="stack"><legend class="greeting-legend">${t("values")}</legend>
    ${MEDIA.includes(format) && html`<div class="stack tight"><${FileField} kind=${format.toLowerCase()} number=${number} value=${mapping.header?.media_id} onChange=${(media) => onChange({ ...mapping, header: media ? { media_id: media } : undefined })} /><p class="small soft">${t("media")}</p></div>`}
    ${format === "LOCATION" && PLACE.map((name) => html`<${Field} key=${name} label=${t(`place_${name}`)}>${(props) => html`<input ...${props} value=${mapping.header?.[name] ?? ""} onInput=${(event) => onChange({ ...mapping, header: { ...mapping.header, [name]: event.target.value } })} />`}<//>`)}
    ${part("header", header, "valueHeading")}${part("body", body, "valueOf")}${buttons.map(button)}</fieldset>`
}

// mapping.js: where the values of a template come from, for each person their own: fields of the lead and its contact, or the
// same words for everybody. A value is "field|words when it is empty", or "text|words". Broadcasts, sequences and greetings use it.
import { html } from "../../vendor/vendor.js"
import { Field, Select } from "../../ui/basics.js"
import { FileField } from "../inbox/file-field.js"
import { t } from "./words.js"

const FIELDS = ["name", "product", "company", "city", "state", "phone", "title", "organization"]
/** What the database says for an empty value where nothing else is given; and what is better in a template of another language. */
const EMPTY = { name: "there", product: "your enquiry" }
const BETTER = { hi: { name: "जी", product: "हमारे प्रोडक्ट" } }
const SAME = "text"

const split = (value = "") => {
  const at = value.indexOf("|")
  return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)]
}
const join = (field, words) => (words || field === SAME ? `${field}|${words}` : field)

/** What a template asks for: {names, header: its text values or null, format of a file or LOCATION or null, buttons: their indexes}. */
function asks({ parameters = {} }) {
  const { header, body, buttons = [] } = parameters ?? {}
  const format = header?.format && header.format !== "TEXT" ? header.format : null
  return { names: body?.names ?? [], header: format ? [] : header?.names ?? [], format, buttons: buttons.filter(({ needs, type }) => needs === "required" && type !== "OTP").map(({ index }) => index) }
}

const GUESSES = {
  ...Object.fromEntries(FIELDS.map((field) => [field, field])), 1: "name", 2: "product",
  customer: "name", customer_name: "name", first_name: "name", full_name: "name", item: "product", business: "organization",
}
const all = (names, of) => Object.fromEntries(names.map((name, at) => [name, of(name, at)]))
const storedAt = (given, name, at, many) => {
  const value = Array.isArray(given) ? given[at] : typeof given === "string" ? (many === 1 ? given : null) : given?.[name]
  return typeof value === "string" ? value : null
}

/**
 * The values that a form begins with: {body, header, buttons}, as they are stored where a mapping has them, else guessed: by the
 * placeholder's name; a nameless first value is nearly always the person, the second the product, though not in a heading.
 * likeliest(part, at): the field where nothing can be guessed; without it people are asked to write something.
 */
export function valuesOf(template, mapping, likeliest = () => SAME) {
  const { names, header, format, buttons } = asks(template)
  const { body: storedBody, header: storedHeader, buttons: storedButtons } = mapping ?? {}
  const guessed = (field) => join(field, BETTER[template.language.slice(0, 2)]?.[field] ?? "")
  const part = (kind, list, given) => all(list, (name, at) =>
    storedAt(given, name, at, list.length) ?? guessed(((kind === "body" || !/^\d+$/.test(name)) && GUESSES[name.toLowerCase()]) || likeliest(kind, at)))
  return {
    body: part("body", names, storedBody),
    header: !format ? part("header", header, storedHeader) : storedHeader && typeof storedHeader === "object" && !Array.isArray(storedHeader) ? storedHeader : {},
    buttons: all(buttons, (index, at) => storedButtons?.find((button) => button.index === index)?.value ?? guessed(likeliest("buttons", at))),
  }
}

/** The mapping as broadcasts, sequences and greetings take it. */
export function mappingOf(template, values) {
  const { names, header, format, buttons } = asks(template)
  const listed = (list, given) => (template.parameter_format === "NAMED" ? given : list.map((name) => given[name]))
  return {
    body: listed(names, values.body),
    ...(format ? { header: values.header } : header.length && { header: listed(header, values.header) }),
    ...(buttons.length && { buttons: buttons.map((index) => ({ index, value: values.buttons[index] })) }),
  }
}

/** Whether nothing is missing. */
export function isFilled(template, values) {
  const { format } = asks(template)
  const isThere = (value) => split(value)[0] !== SAME || split(value)[1].trim() !== ""
  if (format === "LOCATION" && !(values.header.latitude && values.header.longitude)) return false
  if (format && format !== "LOCATION" && !values.header.media_id) return false
  return [values.body, format ? {} : values.header, values.buttons].every((part) => Object.values(part).every(isThere))
}

function Value({ label, value, onChange, most = 1024 }) {
  const [field, words] = split(value)
  const isSame = field === SAME
  return html`<fieldset class="value-from"><legend class="label">${label}</legend>
    <${Select} aria-label=${t("from", { label })} value=${field} options=${[...FIELDS.map((name) => [name, t(`field_${name}`)]), [SAME, t("sameFor")]]} onChange=${(event) => onChange(join(event.target.value, isSame === (event.target.value === SAME) ? words : ""))} />
    <input class="input" dir="auto" aria-label=${t(isSame ? "sameText" : "whenEmpty", { label })} maxlength=${most} value=${words} placeholder=${isSame ? t("writeIt") : t("emptyWords", { words: EMPTY[field] ?? "-" })} onInput=${(event) => onChange(join(field, event.target.value))} />
  </fieldset>`
}

const buttonName = ({ components = [] }, index) => components.find(({ type }) => type?.toUpperCase() === "BUTTONS")?.buttons?.[index]?.text ?? index + 1

/** The form: values as valuesOf gives them; number: the sending number's id, for which a file is uploaded. */
export function Mapping({ template, values, number, onChange }) {
  const { names, header, format, buttons } = asks(template)
  const set = (part, name) => (value) => onChange({ ...values, [part]: { ...values[part], [name]: value } })
  if (!names.length && !header.length && !format && !buttons.length) return html`<p class="soft">${t("noValues")}</p>`
  return html`
    ${["IMAGE", "VIDEO", "DOCUMENT"].includes(format) && html`<${FileField} kind=${format.toLowerCase()} number=${number} value=${values.header.media_id} onChange=${(media) => onChange({ ...values, header: media ? { media_id: media } : {} })} />`}
    ${format === "LOCATION" && ["latitude", "longitude", "name", "address"].map((name) => html`<${Field} label=${t(`place_${name}`)}>${(props) => html`<input ...${props} value=${values.header[name] ?? ""} onInput=${(event) => set("header", name)(event.target.value)} />`}<//>`)}
    ${["IMAGE", "VIDEO", "DOCUMENT"].includes(format) && html`<p class="small soft">${t("sameFile")}</p>`}
    ${header.map((name) => html`<${Value} key=${`h${name}`} label=${t("heading", { name })} value=${values.header[name]} onChange=${set("header", name)} most=${60} />`)}
    ${names.map((name) => html`<${Value} key=${name} label=${t("value", { name })} value=${values.body[name]} onChange=${set("body", name)} />`)}
    ${buttons.map((index) => html`<${Value} key=${`b${index}`} label=${t("button", { name: buttonName(template, index) })} value=${values.buttons[index]} onChange=${set("buttons", index)} />`)}`
}

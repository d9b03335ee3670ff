// mapping.js: where the values of a template come from, for each person their own: fields of the lead and its contact, or the
// same words for everybody. A value is "field|words when it is empty", or "text|words".
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

const GUESSES = { name: "name", customer: "name", customer_name: "name", first_name: "name", 1: "name", product: "product", 2: "product", title: "title", company: "company", city: "city", state: "state", phone: "phone" }
/** A nameless first value is nearly always the person, the second the product; not so in a heading. */
function guess(name, isBody, language) {
  const field = (isBody || !/^\d+$/.test(name)) && GUESSES[name.toLowerCase()]
  return field ? join(field, BETTER[language.slice(0, 2)]?.[field] ?? "") : join(SAME, "")
}
const all = (names, of) => Object.fromEntries(names.map((name) => [name, of(name)]))

/** The values that a form begins with: {body, header, buttons}, from a mapping that is stored where there is one. */
export function valuesOf(template, mapping = {}) {
  const { names, header, format, buttons } = asks(template)
  const stored = (given, list) => (name) => (Array.isArray(given) ? given[list.indexOf(name)] : given?.[name]) ?? guess(name, list === names, template.language)
  return {
    body: all(names, stored(mapping.body, names)),
    header: format ? mapping.header ?? {} : all(header, stored(mapping.header, header)),
    buttons: all(buttons, (index) => mapping.buttons?.find((button) => button.index === index)?.value ?? join(SAME, "")),
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
    <input class="input" aria-label=${t(isSame ? "sameText" : "whenEmpty", { label })} maxlength=${most} value=${words} placeholder=${isSame ? t("writeIt") : t("emptyWords", { words: EMPTY[field] ?? "-" })} onInput=${(event) => onChange(join(field, event.target.value))} />
  </fieldset>`
}

/** The form: values as valuesOf gives them; number: the sending number's id, for which a file is uploaded. */
export function Mapping({ template, values, number, onChange }) {
  const { names, header, format, buttons } = asks(template)
  const set = (part, name) => (value) => onChange({ ...values, [part]: { ...values[part], [name]: value } })
  if (!names.length && !header.length && !format && !buttons.length) return html`<p class="soft">${t("noValues")}</p>`
  return html`
    ${["IMAGE", "VIDEO", "DOCUMENT"].includes(format) && html`<${FileField} kind=${format.toLowerCase()} number=${number} value=${values.header.media_id} onChange=${(media) => onChange({ ...values, header: media ? { media_id: media } : {} })} />`}
    ${format === "LOCATION" && ["latitude", "longitude", "name", "address"].map((name) => html`<${Field} label=${t(`place_${name}`)}>${(props) => html`<input ...${props} value=${values.header[name] ?? ""} onInput=${(event) => set("header", name)(event.target.value)} />`}<//>`)}
    ${header.map((name) => html`<${Value} key=${`h${name}`} label=${t("heading", { name })} value=${values.header[name]} onChange=${set("header", name)} most=${60} />`)}
    ${names.map((name) => html`<${Value} key=${name} label=${t("value", { name })} value=${values.body[name]} onChange=${set("body", name)} />`)}
    ${buttons.map((index) => html`<${Value} key=${`b${index}`} label=${t("button", { n: index + 1 })} value=${values.buttons[index]} onChange=${set("buttons", index)} />`)}`
}

// checks.js: what Meta would refuse of a draft, in words, by the field it is about; the database checks the same again.
import { isNamed } from "./draft.js"
import { placeholders } from "./parts.js"
import { t } from "./words.js"

const PLACE = /\{\{[A-Za-z0-9_]+\}\}/g
const MOST = { URL: 2, PHONE_NUMBER: 1, COPY_CODE: 1, FLOW: 1 }
const size = (text) => [...text.trim()].length // as the database counts
const URL_FORM = /^https?:\/\/[^\s/{}]+\S*$/

function checkText(text, most, named) {
  const names = placeholders(text)
  if (size(text) > most) return t("wrong_long", { n: size(text), most })
  if (/\{\{|\}\}/.test(text.replace(PLACE, ""))) return t("wrong_broken")
  if (named && names.some((name) => !/^[a-z_][a-z0-9_]*$/.test(name))) return t("wrong_mixed")
  if (!named && names.some((name, at) => Number(name) !== at + 1)) return t("wrong_numbers")
  return null
}

function checkHeader({ header }, named) {
  if (!header.format || header.format === "LOCATION") return null
  if (header.format !== "TEXT") return header.handle ? null : t("wrong_sample")
  if (!header.text.trim()) return t("wrong_header")
  if (placeholders(header.text).length > 1) return t("wrong_headerVars")
  if (/[\r\n*]|\p{Extended_Pictographic}/u.test(header.text)) return t("wrong_headerSigns")
  return checkText(header.text, 60, named)
}

function checkBody({ body }, named) {
  const text = body.trim()
  if (!text) return t("wrong_body")
  const found = checkText(body, 1024, named)
  if (found) return found
  if (/^\{\{[^}]*\}\}|\{\{[^}]*\}\}$/.test(text)) return t("wrong_edges")
  if (/\{\{\w+\}\}\s*\{\{\w+\}\}/.test(text)) return t("wrong_near")
  if (/\n{3,}/.test(text)) return t("wrong_lines")
  const count = placeholders(text).length
  return count && text.replace(PLACE, " ").split(/\s+/).filter((word) => /\p{L}/u.test(word)).length < 2 * count + 1 ? t("wrong_dense") : null
}

/** The problems of one button: {text, url, example, phone_number}. */
function checkButton({ type, text, url, phone_number: phone, example }, others) {
  const wrong = {}
  if (["QUICK_REPLY", "URL", "PHONE_NUMBER"].includes(type)) {
    if (!text.trim() || text.trim().length > 25 || /\{\{|[\r\n]/.test(text)) wrong.text = t("wrong_buttonText")
    else if (others.some((other) => other.text?.trim() === text.trim())) wrong.text = t("wrong_buttonSame")
  }
  if (type === "URL") {
    const given = url.trim()
    if (/[{}]/.test(given) && !/^[^{}]+\{\{1\}\}$/.test(given)) wrong.url = t("wrong_urlVar")
    else if (!URL_FORM.test(given) || given.length > 2000) wrong.url = t("wrong_url")
    else if (given.endsWith("{{1}}") && !URL_FORM.test(example.trim())) wrong.example = t("wrong_example")
  }
  if (type === "PHONE_NUMBER" && !/^\+?\d{7,19}$/.test(phone.replace(/[\s()-]/g, ""))) wrong.phone_number = t("wrong_phone")
  if (type === "COPY_CODE" && !/^\S.{0,14}$/.test(example.trim())) wrong.example = t("wrong_code")
  return wrong
}

/** {field: what is wrong}; fields: name, header, body, footer, minutes, codeText, buttons, "button 0 text", "body example name", … */
export function problemsOf(draft) {
  const found = {}
  const put = (field, words) => { if (words) found[field] = words }
  put("name", /^[a-z0-9_]{1,512}$/.test(draft.name) ? null : t("wrong_name"))
  if (draft.category === "AUTHENTICATION") {
    put("minutes", !draft.minutes.trim() || /^([1-9]|[1-8]\d|90)$/.test(draft.minutes.trim()) ? null : t("wrong_minutes"))
    put("codeText", draft.codeText.trim().length <= 25 ? null : t("wrong_buttonText"))
    return found
  }
  const named = isNamed(draft)
  put("header", checkHeader(draft, named))
  put("body", checkBody(draft, named))
  const footer = draft.footer.trim()
  put("footer", size(footer) > 60 ? t("wrong_long", { n: size(footer), most: 60 }) : /\{\{|[\r\n]/.test(footer) ? t("wrong_footer") : null)
  for (const kind of ["header", "body"]) {
    const text = kind === "body" ? draft.body : draft.header.format === "TEXT" ? draft.header.text : ""
    for (const name of placeholders(text)) put(`${kind} example ${name}`, draft.examples[kind][name]?.trim() ? null : t("wrong_example"))
  }
  for (const [at, button] of draft.buttons.entries()) {
    for (const [field, words] of Object.entries(checkButton(button, draft.buttons.toSpliced(at, 1)))) put(`button ${at} ${field}`, words)
  }
  const many = Object.entries(MOST).find(([type, most]) => draft.buttons.filter((button) => button.type === type).length > most)
  put("buttons", draft.buttons.length > 10 ? t("wrong_many", { most: 10 }) : many ? t("wrong_many", { most: many[1] }) : null)
  return found
}

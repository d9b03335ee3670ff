// status.js: what became of a message, in words and as ticks; and how to send the same once more.
import { html } from "../../vendor/vendor.js"
import { moment } from "../../lib/formats.js"
import { language } from "../../lib/words.js"
import { Icon } from "../../ui/icon.js"
import { errors } from "./team.js"
import { fileOf } from "./thread.js"
import { t } from "./words.js"

const ICONS = { queued: "Clock", sending: "Clock", waiting: "Clock", uncertain: "CircleHelp", sent: "Check", delivered: "CheckCheck", read: "CheckCheck", failed: "CircleAlert", refused: "CircleAlert", cancelled: "Ban" }

/** "Read today, 4:12 pm": the status with its time, where Meta told one. */
export function statusWords(message) {
  const at = { sent: message.sent_at, delivered: message.delivered_at, read: message.read_at, failed: message.failed_at }[message.status]
  const words = t(`status_${message.status}`)
  return at ? `${words}, ${moment(at)}` : words
}

export const Ticks = ({ message }) => html`<span class="ticks ${message.status}" role="img" aria-label=${statusWords(message)} title=${statusWords(message)}>
  <${Icon} name=${ICONS[message.status] ?? "Clock"} size=${15} /></span>`

const FREQUENT = { 131026: "unreachable", 131047: "windowShut", 131049: "marketingLimit", 131050: "stopped", 131051: "kindUnknown", 131053: "fileRefused", 131056: "tooFast", 130472: "experiment", 470: "windowShut" }

/** Why a message failed, and what to do: {words, remedy}. The frequent reasons are said in the person's language. */
export function reasonOf(message) {
  const known = errors.value.get(message.error_code)
  const own = FREQUENT[message.error_code]
  if (own && language.value !== "en") return { words: t(`why_${own}`), remedy: "" }
  if (message.error_code && known) return { words: known.words.replace(/^not delivered:\s*/i, ""), remedy: known.remedy }
  return { words: message.error_message || t("why_unknown"), remedy: "" }
}

const valuesOf = (parameters = []) => {
  const named = parameters.some((parameter) => parameter.parameter_name)
  return named ? Object.fromEntries(parameters.map((parameter) => [parameter.parameter_name, parameter.text])) : parameters.map((parameter) => parameter.text)
}

function templateSpec({ name, language: code, components = [] }, file) {
  const part = (type) => components.find((component) => component.type === type)
  const header = part("header")?.parameters?.[0]
  const held = header && header[header.type]
  const buttons = components.filter(({ type }) => type === "button").map(({ index, parameters: [given] }) => ({ index: Number(index), value: given.text ?? given.payload ?? given.coupon_code ?? given.action?.flow_token }))
  return {
    kind: "template", template: name, language: code.code, params: {
      body: valuesOf(part("body")?.parameters),
      ...(header && { header: header.type === "text" ? valuesOf(part("header").parameters) : header.type === "location" ? held : file ? { media_id: file.id } : held.link }),
      ...(buttons.length && { buttons }),
    },
  }
}

function interactiveSpec({ type, header, body, footer, action }) {
  const shared = { kind: "interactive", body: body.text, ...(footer && { footer: footer.text }), ...(header?.type === "text" && { header: header.text }) }
  if (header && header.type !== "text") return null
  if (type === "button") return { ...shared, type: "buttons", buttons: action.buttons.map(({ reply }) => reply) }
  if (type === "list") return { ...shared, type, button: action.button, sections: action.sections }
  if (type === "cta_url") return { ...shared, type, ...action.parameters }
  return { ...shared, type }
}

/** The message as public.send_message takes it, to send the same once more; null when that cannot be. */
export function specOf(message, files) {
  const { kind, body, context_wamid: answers } = message
  const file = fileOf(files, message)
  const held = body[kind]
  const spec = kind === "text" ? { kind, text: held.body }
    : kind === "template" ? templateSpec(held, file)
    : kind === "location" ? { kind, ...held }
    : kind === "contacts" ? { kind, contacts: held }
    : kind === "interactive" ? interactiveSpec(held)
    : file || held?.link ? { kind, ...(file ? { media_id: file.id } : { link: held.link }), ...(held.caption && { caption: held.caption }), ...(held.voice && { voice: true }) }
    : null
  return spec && answers ? { ...spec, context_wamid: answers } : spec
}

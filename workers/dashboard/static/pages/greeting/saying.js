// saying.js: a rule in words.
import { duration } from "../../lib/formats.js"
import { format } from "../../lib/words.js"
import { lookOf } from "../templates/parts.js"
import { languageName } from "../templates/words.js"
import { t } from "./words.js"

const TYPES = ["W", "P", "WA", "B"]
const FIELDS = ["name", "company", "product", "title", "city", "state", "phone", "organization"]
export const listed = (items) => format(Intl.ListFormat, { type: "conjunction" }).format(items)

/** Which leads a rule is for. */
export function whoWords(rule, sources) {
  const source = sources.find(({ id }) => id === rule.source_id)
  const types = TYPES.filter((type) => rule.lead_types.includes(type)).map((type) => t(`type_${type}`))
  if (!types.length) return source ? t("whoPlain", { source: source.name }) : t("whoOthers")
  return source ? t("whoSource", { source: source.name, types: listed(types) }) : t("whoAll", { types: listed(types) })
}

export const getsWords = (rule) => t(rule.minutes ? "getsLater" : "getsNow", { template: rule.template_name, language: languageName(rule.language), delay: duration(rule.minutes * 60_000) })

/** {language: [states]} of a rule in sentences. */
export const stateWords = (rule) => Object.entries(Object.groupBy(Object.entries(rule.languages), ([, language]) => language))
  .map(([language, states]) => t("byState", { state: listed(states.map(([state]) => state)), language: languageName(language) }))

export const fieldOf = (given) => (typeof given === "string" ? given.split("|")[0] : "")
export const fieldWords = (field) => (FIELDS.includes(field) ? t(`field_${field}`) : field)

/** The template of a rule with the names of fields where their values will stand. */
export function ruleLook(template, mapping) {
  const given = (name, kind) => {
    const part = mapping?.[kind]
    if (part === undefined || part === null) return null
    const names = template.parameters?.[kind]?.names ?? []
    const value = Array.isArray(part) ? part[names.indexOf(name)] : typeof part === "string" ? part : part[name]
    return value && (fieldOf(value) === "text" ? value.slice("text|".length) : `‹${fieldWords(fieldOf(value))}›`)
  }
  return lookOf(template, given)
}

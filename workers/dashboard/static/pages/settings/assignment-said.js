// assignment-said.js: rules in words.
import { format } from "../../lib/words.js"
import { customText } from "../leads/fields.js"
import { sourceLabel } from "../leads/parts.js"
import { t } from "./assignment-words.js"

const or = (list) => format(Intl.ListFormat, { type: "disjunction" }).format(list)
const and = (list) => format(Intl.ListFormat, { type: "conjunction" }).format(list)

/** The leads that a rule is for. */
export function conditionsOf(rule, reference) {
  const custom = Object.entries(rule.custom ?? {}).map(([key, value]) => {
    const field = reference.allFields.find((other) => other.key === key)
    return t("ifField", { field: field?.label ?? key, value: field ? customText(field, value) : String(value) })
  })
  const parts = [
    rule.source_kinds.length && t("ifKind", { list: or(rule.source_kinds.map((kind) => t(`source_${kind}`))) }),
    rule.source_ids.length && t("ifSource", { list: or(rule.source_ids.map((id) => (reference.the("source", id) ? sourceLabel(reference.the("source", id)) : "…"))) }),
    rule.states.length && t("ifState", { list: or(rule.states.map(capital)) }), rule.cities.length && t("ifCity", { list: or(rule.cities.map(capital)) }),
    rule.products.length && t("ifProduct", { list: or(rule.products.map((word) => `“${word}”`)) }),
    rule.tag_ids.length && t("ifTag", { list: or(rule.tag_ids.map((id) => reference.nameOf("tag", id) || "…")) }), ...custom,
  ].filter(Boolean)
  return parts.length ? parts.join(" · ") : t("ifAny")
}

/** The database keeps places in small letters. */
export const capital = (text) => text.replace(/(^|[\s-])\p{L}/gu, (letter) => letter.toUpperCase())

/** To whom a rule gives them, and what happens when nobody of them works. */
export function targetOf(rule, groups, reference) {
  if (rule.target === "nobody") return t("toNobody")
  if (rule.target === "group") {
    const group = groups.find(({ id }) => id === rule.group_id)
    return t("toGroup", { name: group?.name ?? "…", people: and(group?.members.map(({ user_id: id }) => reference.nameOf("member", id) || t("left")) ?? []) })
  }
  return rule.user_id ? `${t("toMember", { name: reference.nameOf("member", rule.user_id) || t("left") })}; ${t(`outside_${rule.outside_hours}`)}` : t("toGone")
}

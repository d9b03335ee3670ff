// parts.js: somebody in short, why two are alike, and the word that they are not.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { day, phone } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { Chip } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { t } from "./words.js"

export const calledOf = (person) => person.name || person.company || phone(person.phone) || person.email || t("unnamed")

/** A contact as list_duplicates and preview_merge give it. */
export const Somebody = ({ person }) => html`<span class="somebody grow">
  <strong class="clip"><bdi>${calledOf(person)}</bdi></strong>
  <span class="clip small soft"><bdi>${[person.name && person.company, person.city].filter(Boolean).join(" · ") || person.email || "\u00a0"}</bdi></span>
  <span class="clip small soft"><span class="numbers">${phone(person.phone)}</span>${person.phone && " · "}${t("leads", { n: person.leads })}${person.last_message_at && ` · ${day(person.last_message_at)}`}</span>
</span>`

export const Likeness = ({ score }) => html`<${Chip} kind=${score >= 75 ? "warn" : ""}>${t(score >= 90 ? "certain" : score >= 75 ? "veryLikely" : score >= 55 ? "likely" : "possible")}<//>`

const REASONS = ["gave_their_number", "same_number_written_differently", "same_number_other_country", "same_email", "same_name_and_company", "similar_name_and_company", "same_name_and_place", "similar_name_and_place"]
export const Reasons = ({ pair }) => html`<p class="small reasons">${(pair.reasons ?? []).map(({ reason, words }) => (REASONS.includes(reason) ? t(reason) : words)).join(" · ")}</p>`

/** Says that two are not the same; onUndo: what shows them again. */
export async function deny({ one, other }, prefix, onUndo = () => {}) {
  const ids = { contact_id: one.contact_id, other_id: other.contact_id }
  await rpc("deny_duplicate", ids)
  refresh(prefix)
  say(t("denied"), { action: { label: t("undo"), run: async () => {
    await rpc("deny_duplicate", { ...ids, denied: false })
    refresh(prefix)
    onUndo()
  } } })
}

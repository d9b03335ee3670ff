// parts.js: what lists and pages of sequences share: reading them, their steps as a short line of time, why somebody left.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Chip } from "../../ui/basics.js"
import { sourceLabel } from "../leads/parts.js"
import { t } from "./words.js"

const key = () => `sequences ${org.value.id}`
/** All sequences, as list_sequences gives them. */
export const useSequences = () => useQuery(key(), () => rpc("list_sequences"))
export const recallSequences = () => refresh(key())

export const waitWords = (hours) => (hours % 24 ? t("after_hours", { n: hours }) : t("after_days", { n: hours / 24 }))

export const OnChip = ({ on }) => html`<${Chip} kind=${on ? "good" : ""} icon=${on ? "CirclePlay" : "CirclePause"}>${t(on ? "on" : "off")}<//>`

/** How people come into it. */
export function triggerWords(sequence, reference) {
  if (!sequence.source) return t("byHand")
  const source = reference?.the("source", sequence.source)
  return t("bySource", { source: source ? sourceLabel(source) : reference ? t("gone") : "…" })
}

export const Steps = ({ steps }) => html`<ol class="step-line">${steps.map((step, at) => html`<li key=${at}><span class="step-at" aria-hidden="true">${at + 1}</span>
  <span class="grow"><span class="small soft">${waitWords(step.after_hours)}</span><br /><bdi class="wrap">${step.template}</bdi></span></li>`)}</ol>`

const REASONS = {
  "They have replied": "replied", "They asked not to receive messages": "optout", "The lead was won or lost": "closed",
  "A member stopped it": "hand", "The same person is in this sequence already": "twice", "The organization was deleted": "gone",
}
/** Why it ended, as the database says it, in the person's language. */
export const reasonWords = (reason) => (REASONS[reason] ? t(`why_${REASONS[reason]}`) : reason)
export const problemWords = (problem) => (problem === "The sequence is switched off" ? t("problem_off") : problem.startsWith("Meta changed the price class") ? t("problem_category") : problem)

// states.js: how a broadcast stands, in words and figures.
import { html } from "../../vendor/vendor.js"
import { number } from "../../lib/formats.js"
import { Chip } from "../../ui/basics.js"
import { partsOf } from "../leads/filters.js"
import { t } from "./words.js"

const KINDS = { draft: "", scheduled: "info", running: "info", waiting: "warn", paused: "warn", done: "good", cancelled: "" }
const ICONS = { draft: "Pencil", scheduled: "CalendarClock", running: "Send", waiting: "Hourglass", paused: "CirclePause", done: "CircleCheck", cancelled: "Ban" }

/** Its state as people see it: one that runs may wait for its moment, or for a limit. */
export const stateOf = ({ state, starts_at: startsAt, waits_for: waitsFor }) =>
  (state !== "running" ? state : new Date(startsAt) > Date.now() ? "scheduled" : waitsFor ? "waiting" : "running")

export const State = ({ broadcast }) => {
  const state = stateOf(broadcast)
  return html`<${Chip} kind=${KINDS[state]} icon=${ICONS[state]}>${t(`state_${state}`)}<//>`
}

export const isRunning = ({ state }) => state === "running"

/** How many came at least so far: {sent, delivered, read, replied, failed, skipped, waiting, people: who were to get it}. */
export function figuresOf({ counts, total }) {
  const sent = counts.sent + counts.delivered + counts.read
  return {
    sent, delivered: counts.delivered + counts.read, read: counts.read, replied: counts.replied, failed: counts.failed, skipped: counts.skipped,
    uncertain: counts.uncertain, waiting: counts.waiting + counts.queued, people: Math.max(0, total - counts.skipped),
  }
}

/** A bar of what became of them: read, delivered, sent, failed; the rest is to come. */
export function Progress({ broadcast }) {
  const { sent, delivered, read, failed, people } = figuresOf(broadcast)
  const part = (name, count) => html`<div class=${name} style=${{ width: `${people ? (100 * count) / people : 0}%` }}></div>`
  return html`<div class="bar parted" role="img" aria-label=${t("progress", { done: number(sent), all: number(people) })}>
    ${part("read", read)}${part("delivered", delivered - read)}${part("sent", sent - delivered)}${part("failed", failed)}</div>`
}

const QUIET = /^Quiet hours until (\S+)$/
const LIMIT = /^Meta's daily limit of (\d+) people.* goes on at (\S+)$/

/** Why one that runs does not go on just now. */
export function waitWords(words) {
  const quiet = QUIET.exec(words)
  const limit = LIMIT.exec(words)
  return quiet ? t("waitsQuiet", { time: quiet[1] }) : limit ? t("waitsLimit", { n: Number(limit[1]), time: limit[2] }) : words
}

/** Whom a filter means, in a few words. */
export function audienceWords(filter, reference) {
  const { leads, has_replied: replied, not_written_for_days: days, contact_ids: ids, ...others } = filter
  const parts = leads && reference ? partsOf(leads, reference).map(([, words]) => words) : []
  const { pipeline } = leads ?? {}
  if (pipeline && reference?.pipelines.length > 1) parts.unshift(reference.nameOf("pipeline", pipeline) || "…")
  if (!parts.length) parts.push(ids ? t("chosenPeople", { n: ids.length }) : Object.keys(others).length ? t("otherFilter") : t(leads ? "everybody" : "everybodyContacts"))
  if (replied !== undefined && replied !== null) parts.push(t(replied ? "repliedYes" : "repliedNo"))
  if (days) parts.push(t("noneIn", { n: Number(days) }))
  return parts.join(" · ")
}

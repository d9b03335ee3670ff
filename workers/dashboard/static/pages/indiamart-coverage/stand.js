// stand.js: how coverage stands, worked out from what the database tells: one sentence, and what is really missing.
import { date, duration, moment, now } from "../../lib/formats.js"
import { t } from "./words.js"

const HALF_AN_HOUR = 1_800_000

/** Whether the last complete answer is as fresh as calls every few minutes make it. */
export const isFresh = (status) => Boolean(status.covered_to) && now.value - new Date(status.covered_to) < HALF_AN_HOUR

/** The time since a fresh last answer is no gap: the next call asks for it. */
export const isGap = (gap, status) => !(isFresh(status) && gap.state === "missing" && new Date(gap.from) >= new Date(status.covered_to))

/** What lies between the first and the last that was fetched and was never answered; what is older stands under history. */
const inner = (status) => status.gaps.filter((gap) => gap.reason !== "held_back" && new Date(gap.from) >= new Date(status.covered_from) && new Date(gap.to) <= new Date(status.covered_to) && isGap(gap, status))

/** {kind, chip, words: [sentence]} of indiamart_status. */
export function standOf(status) {
  const problems = status.findings.filter(({ level }) => level === "problem")
  if (!status.covered_from) return { kind: problems.length ? "bad" : "info", chip: problems.length ? "problem" : status.is_connected ? "catching" : "off", words: [status.is_connected && !status.has_key ? t("noKey") : status.is_connected ? t("nothing") : t("isOff")] }
  const gaps = inner(status)
  const spanned = { from: date(status.covered_from), to: isFresh(status) && status.is_connected ? t("now") : moment(status.covered_to) }
  const words = [gaps.length ? t(status.gap_count > status.gaps.length ? "exceptMany" : "except", { n: gaps.length, ...spanned }) : t("all", spanned)]
  if (!status.is_connected) return { kind: "warn", chip: "off", words: [...words, t("isOff")] }
  if (!isFresh(status)) words.push(t("stale", { time: moment(status.covered_to) }))
  const again = status.history?.read_again_from
  if (again) words.push(t("heldBack", { time: moment(again) }))
  const chip = problems.length ? "problem" : gaps.length || !isFresh(status) ? "gaps" : status.history?.open_seconds > 0 || again ? "catching" : "complete"
  return { kind: { problem: "bad", gaps: "warn", catching: "info", complete: "good" }[chip], chip, words }
}

const REASONS = ["not_asked", "held_back", "incomplete", "quota", "key_blocked", "key_incorrect", "key_expired", "key_replaced", "flow_fault", "supplier_error", "no_answer", "worker_lost", "not_released", "disconnected"]
export const reasonWords = (reason) => t(`reason_${REASONS.includes(reason) ? reason : "other"}`)

const FINDINGS = ["key_expired", "key_replaced", "key_incorrect", "key_unreadable", "flow_fault", "key_blocked", "failing", "quota", "key_unused", "behind", "push_silent", "pull_misses"]
/** A finding in the person's language, else as the database says it. */
export const findingWords = ({ code, words, remedy }) => (FINDINGS.includes(code) ? { words: t(`finding_${code}`), remedy: t(`remedy_${code}`) } : { words, remedy })

export const spanWords = ({ from, to }) => t("span", { from: moment(from), to: moment(to) })

/** 45 seconds, 5 min, 3 h. */
export const secondsWords = (seconds) => (seconds < 60 ? t("seconds", { n: seconds }) : duration(seconds * 1000))

// period.js: from which day to which, both included, in the organization's time zone; kept in the page's address.
import { html, useEffect, useRef } from "../../vendor/vendor.js"
import { go, place } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { format } from "../../lib/words.js"
import { Field, Notice } from "../../ui/basics.js"
import { t } from "./words.js"

const DAY = 86_400_000
const LONGEST = 1100 // days, as the database allows

/** Days are counted as text and in UTC, so that no clock of a device moves them. */
const shifted = (day, by) => new Date(Date.parse(`${day}T00:00Z`) + by * DAY).toISOString().slice(0, 10)
const monthsBefore = (day, by) => {
  const [year, month] = day.split("-").map(Number)
  return new Date(Date.UTC(year, month - 1 - by, 1)).toISOString().slice(0, 10)
}
const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: org.value.time_zone }).format(new Date())

const PERIODS = {
  month: (day) => [monthsBefore(day, 0), day],
  lastMonth: (day) => [monthsBefore(day, 1), shifted(monthsBefore(day, 0), -1)],
  days90: (day) => [shifted(day, -89), day],
  year: (day) => [monthsBefore(day, 11), day],
}
const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text))

/** {name, from, to, isWrong} of the address. */
export function periodOf(query) {
  const day = today()
  if (query.period !== "own") {
    const name = PERIODS[query.period] ? query.period : "days90"
    const [from, to] = PERIODS[name](day)
    return { name, from, to, isWrong: false }
  }
  const [from, to] = [isDay(query.from) ? query.from : shifted(day, -89), isDay(query.to) ? query.to : day]
  const length = (Date.parse(to) - Date.parse(from)) / DAY
  return { name: "own", from, to, isWrong: length < 0 || length > LONGEST }
}

/** Shows something else; what is not named stays. */
export function show(change) {
  const next = Object.entries({ ...place.value.query, ...change }).filter(([, value]) => value)
  go(`/reports?${new URLSearchParams(next)}`, { replace: true })
}

/** 12 Nov 2026, of a day as text. */
export const dayWords = (day) => format(Intl.DateTimeFormat, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${day}T00:00Z`))
/** November 2026, of YYYY-MM or a day in it. */
export const monthWords = (month) => format(Intl.DateTimeFormat, { month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(`${month.slice(0, 7)}-01T00:00Z`))

export function Period({ period }) {
  const { name, from, to } = period
  const choose = (chosen) => show(chosen === "own" ? { period: "own", from, to } : { period: chosen, from: null, to: null })
  const input = (key, value) => html`<${Field} label=${t(key)}>${(props) => html`<input ...${props} type="date" value=${value} max=${today()} onChange=${(event) => show({ [key]: event.target.value })} />`}<//>`
  const chips = useRef()
  useEffect(() => { chips.current.querySelector("[aria-pressed=true]").scrollIntoView({ block: "nearest", inline: "nearest" }) }, [name])
  return html`<div class="stack tight">
    <div class="periods" ref=${chips} role="group" aria-label=${t("period")}>${[...Object.keys(PERIODS), "own"].map((key) => html`<button type="button" class="chip" aria-pressed=${key === name} onClick=${() => choose(key)}>${t(key)}</button>`)}</div>
    ${name !== "own" && html`<p class="small soft numbers">${t("fromTo", { from: dayWords(from), to: dayWords(to) })}</p>`}
    ${name === "own" && html`<div class="own-dates">${input("from", from)}${input("to", to)}</div>`}
    ${period.isWrong && html`<${Notice} kind="warn">${t("periodWrong")}<//>`}
  </div>`
}

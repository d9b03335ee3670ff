// formats.js: times, money and phone numbers as people in India write them.
import { signal } from "../vendor/vendor.js"
import { format, number, words } from "./words.js"

const t = words({
  en: { now: "now", today: "Today", yesterday: "Yesterday", tomorrow: "Tomorrow", minutes: "{n} min", hours: "{n} h", days: { one: "{n} day", other: "{n} days" } },
  hi: { now: "अभी", today: "आज", yesterday: "कल", tomorrow: "आने वाला कल", minutes: "{n} मिनट", hours: "{n} घंटे", days: { one: "{n} दिन", other: "{n} दिन" } },
})

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The time, ticking twice a minute: what is shown relative to now depends on it. */
export const now = signal(Date.now())
setInterval(() => { now.value = Date.now() }, 30_000)

const at = (value) => (value instanceof Date ? value : new Date(value))
const daysAgo = (date) => {
  const midnight = (value) => new Date(value).setHours(0, 0, 0, 0)
  return Math.round((midnight(now.value) - midnight(date)) / DAY)
}

/** The instant in words; a dash for what is none ("infinity": never, or not yet). */
const written = (value, options) => (Number.isNaN(at(value).getTime()) ? "–" : format(Intl.DateTimeFormat, options).format(at(value)))

/** 4:12 pm */
export const clock = (value) => written(value, { hour: "numeric", minute: "2-digit" })

/** Tomorrow, Today, Yesterday, Tuesday, 12 Nov, 12 Nov 2024 */
export function day(value) {
  const date = at(value)
  const ago = daysAgo(date)
  if (ago === 0) return t("today")
  if (ago === 1) return t("yesterday")
  if (ago === -1) return t("tomorrow")
  if (ago > 1 && ago < 7) return written(date, { weekday: "long" })
  const year = date.getFullYear() === new Date(now.value).getFullYear() ? {} : { year: "numeric" }
  return written(date, { day: "numeric", month: "short", ...year })
}

/** 12 Nov 2026 */
export const date = (value) => written(value, { dateStyle: "medium" })

/** For lists: the time for today, else the day. */
export const brief = (value) => (daysAgo(at(value)) === 0 ? clock(value) : day(value))

/** 12 Nov, 4:12 pm */
export const moment = (value) => `${day(value)}, ${clock(value)}`

/** For titles: everything there is to know. */
export const full = (value) => written(value, { dateStyle: "full", timeStyle: "long" })

/** How long: 5 min, 3 h, 2 days. */
export function duration(ms) {
  if (ms < MINUTE) return t("now")
  if (ms < HOUR) return t("minutes", { n: Math.floor(ms / MINUTE) })
  if (ms < 2 * DAY) return t("hours", { n: Math.floor(ms / HOUR) })
  return t("days", { n: Math.floor(ms / DAY) })
}

/** An amount, as text or number, in rupees or another currency; prices of messages have up to four decimals. */
export function money(amount, currency = "INR", decimals = 2) {
  if (amount === null || amount === undefined) return "–"
  const value = typeof amount === "number" ? amount : Number(amount)
  const digits = { minimumFractionDigits: Number.isInteger(value) ? 0 : Math.min(2, decimals), maximumFractionDigits: decimals }
  return format(Intl.NumberFormat, { style: "currency", currency, ...digits }).format(value)
}

/** ₹ 12,40,000 as 12.4 L: for narrow places, the whole amount goes into the title. */
export const shortMoney = (amount, currency = "INR") =>
  format(Intl.NumberFormat, { style: "currency", currency, notation: "compact", maximumFractionDigits: 1 }).format(Number(amount))

/** +91 98765 43210; numbers of other countries in groups from the end. */
export function phone(value) {
  if (!value) return ""
  const indian = /^\+91(\d{5})(\d{5})$/.exec(value)
  if (indian) return `+91 ${indian[1]} ${indian[2]}`
  const digits = value.replace(/\D/g, "")
  return digits.length < 8 ? value : `+${digits.slice(0, -9)} ${digits.slice(-9, -6)} ${digits.slice(-6, -3)} ${digits.slice(-3)}`.replace("+ ", "+")
}

export function bytes(size) {
  const unit = size < 1e6 ? "kilobyte" : "megabyte"
  return format(Intl.NumberFormat, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: size < 1e6 ? 0 : 1 })
    .format(size / (size < 1e6 ? 1e3 : 1e6))
}

export { number }

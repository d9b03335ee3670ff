// amounts.js: hundredths of a currency, shares and stretches of time, in words.
import { money, number } from "../../lib/formats.js"
import { format } from "../../lib/words.js"
import { t } from "./words.js"

/** An amount in hundredths. */
export const paise = (amount, currency) => (amount === null ? t("unknown") : money(amount / 100, currency))
/** The same as a number for a file. */
export const plain = (amount) => (amount === null ? null : amount / 100)

export const percent = (part, all) => format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 1 }).format(all ? part / all : 0)
/** Per cent that the database worked out, as text. */
export const percentOf = (text) => (text === null ? t("unknown") : format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 1 }).format(Number(text) / 100))

/** 45 s, 4 min 10 s, 3 h 20 min, 2 days 4 h; "–" of null. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return t("unknown")
  if (seconds < 60) return t("seconds", { n: seconds })
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10 && seconds % 60) return t("minutesSeconds", { n: minutes, s: seconds % 60 })
  if (minutes < 60) return t("minutes", { n: minutes })
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? t("hoursMinutes", { n: hours, m: minutes % 60 }) : t("hours", { n: hours })
  const days = Math.floor(hours / 24)
  return hours % 24 ? t("daysHours", { n: days, h: hours % 24 }) : t("days", { n: days })
}

export { number }

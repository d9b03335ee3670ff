// span.js: times to the second: traces are about seconds.
import { duration } from "../../lib/formats.js"
import { format, words } from "../../lib/words.js"

const t = words({ en: { seconds: "{n} s" }, hi: { seconds: "{n} सेकंड" } })

/** 4 s, 5 min, 3 h */
export const span = (ms) => (ms < 60_000 ? t("seconds", { n: Math.round(ms / 1000) }) : duration(ms))

/** 4:12:07 pm */
export const second = (value) => format(Intl.DateTimeFormat, { timeStyle: "medium" }).format(new Date(value))

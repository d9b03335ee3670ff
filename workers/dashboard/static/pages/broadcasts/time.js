// time.js: now or later, and what the quiet hours make of it.
import { html } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { moment, now } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Notice } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { askWhen } from "../inbox/schedule.js"
import { t } from "./words.js"

export const isPast = (at) => Boolean(at) && new Date(at) <= now.value

/** The wall clock of the organization, "21:05". */
const wallClock = (instant) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: org.value.time_zone }).format(instant)
const isWithin = (time, from, to) => (from <= to ? time >= from && time < to : time >= from || time < to)

/** {quiet_from, quiet_to} or null. */
const useQuiet = () => useQuery(`quiet ${org.value.id}`, async () => (await rows("greeting_settings", (query) => query.select("quiet_from, quiet_to")))[0] ?? null).data

export function Time({ at, onChange }) {
  const quiet = useQuiet()
  const later = async () => {
    const chosen = await askWhen(t("whenTitle"), at && !isPast(at) ? new Date(at) : undefined)
    if (chosen) onChange(chosen.toISOString())
  }
  const hours = quiet?.quiet_from && quiet.quiet_to ? { from: quiet.quiet_from.slice(0, 5), to: quiet.quiet_to.slice(0, 5) } : null
  const isQuiet = hours && isWithin(wallClock(at ? new Date(at) : now.value), hours.from, hours.to)
  return html`<fieldset class="stack tight"><legend class="label">${t("when")}</legend>
    <div class="row breaks"><button type="button" class="chip" aria-pressed=${!at} onClick=${() => onChange("")}><${Icon} name="Send" size=${14} />${t("now")}</button>
      <button type="button" class="chip" aria-pressed=${Boolean(at)} onClick=${later}><${Icon} name="CalendarClock" size=${14} />${at ? t("laterAt", { time: moment(at) }) : t("later")}</button></div>
    ${isPast(at) && html`<${Notice} kind="warn">${t("passed")}<//>`}
    ${hours && html`<p class="small soft">${t(isQuiet && !at ? "quietNow" : "quiet", hours)}</p>`}</fieldset>`
}

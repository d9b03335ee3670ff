// calendar.js: each day with what was fetched of it; a day's hours one tap away.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { format } from "../../lib/words.js"
import { Button, Loaded } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { usePages } from "../../lib/paged.js"
import { reasonWords } from "./stand.js"
import { t } from "./words.js"

const ICONS = { complete: "Check", running: "Clock", partial: "TriangleAlert", missing: "CircleHelp", lost: "X", held_back: "Hourglass", not_wanted: "Minus" }
const utc = (day) => new Date(`${day}T00:00Z`)
const written = (day, options) => format(Intl.DateTimeFormat, { ...options, timeZone: "UTC" }).format(utc(day))
/** Monday is 0. */
const weekday = (day) => (utc(day).getUTCDay() + 6) % 7
const WEEK = Array.from({ length: 7 }, (_, at) => `2024-01-0${1 + at}`) // a Monday to a Sunday

export function Calendar() {
  const list = usePages("indiamart-days", async (before) => {
    const { days, next, time_zone: zone } = await rpc("indiamart_days", { before, page: 92 })
    return { items: days.map((day) => ({ ...day, zone })), next }
  }, ({ day }) => day)
  if (list.isFresh) return html`<${Loaded} query=${{ problem: list.problem }} retry=${list.again} lines=${8} height=${40} />`
  const months = [...new Set(list.items.map(({ day }) => day.slice(0, 7)))]
  return html`<p class="soft">${t("calendarText")}</p>
    <ul class="coverage-legend small" aria-label=${t("legend")}>${Object.entries(ICONS).map(([state, icon]) => html`<li key=${state}><span class="sign ${state}"><${Icon} name=${icon} size=${12} /></span>${t(`state_${state}`)}</li>`)}</ul>
    <div class="months">${months.map((month) => html`<${Month} key=${month} month=${month} days=${list.items.filter(({ day }) => day.startsWith(month)).reverse()} />`)}</div>
    ${!list.isEnd && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("more")}<//></div>`}`
}

function Month({ month, days }) {
  return html`<section class="card stack tight"><h2>${written(`${month}-01`, { month: "long", year: "numeric" })}</h2>
    <div class="month-grid small soft" aria-hidden="true">${WEEK.map((day) => html`<span key=${day}>${written(day, { weekday: "narrow" })}</span>`)}</div>
    <ol class="month-grid">${days.map((day, at) => html`<li key=${day.day} style=${at ? {} : { gridColumnStart: weekday(day.day) + 1 }}><${Day} day=${day} /></li>`)}</ol></section>`
}

function Day({ day }) {
  const label = t("dayOf", { day: written(day.day, { day: "numeric", month: "long" }), state: t(`state_${day.state}`), enquiries: t("enquiries", { n: day.leads.all }) })
  return html`<button type="button" class="day-cell ${day.state}" aria-label=${label} title=${label} onClick=${() => show((close) => html`<${Hours} day=${day} close=${close} />`)}>
    <span class="row"><span class="numbers">${Number(day.day.slice(8))}</span>${ICONS[day.state] && html`<${Icon} name=${ICONS[day.state]} size=${12} />`}</span>
    <span class="small numbers">${day.leads.all || "\u00a0"}</span></button>`
}

/** Whether there is a reason worth telling why a time is open. */
const isTold = ({ state, reason }) => reason && !["complete", "to_come", "not_wanted", "running"].includes(state)

function Hours({ day, close }) {
  const key = `indiamart-hours/${day.day}`
  const query = useQuery(key, () => rpc("indiamart_hours", { day: day.day }))
  const hour = (at) => format(Intl.DateTimeFormat, { hour: "numeric", minute: "2-digit", timeZone: day.zone }).format(new Date(at))
  return html`<${Dialog} title=${written(day.day, { dateStyle: "full" })} onClose=${() => close()}>
    <p><strong>${t(`state_${day.state}`)}</strong> · ${t("enquiries", { n: day.leads.all })}${isTold(day) && html`<span class="soft"> · ${reasonWords(day.reason)}</span>`}</p>
    <${Loaded} query=${query} lines=${12} height=${24}>${({ hours }) => html`<ol class="list hours" aria-label=${t("hoursOf")}>${hours.map((slot, at) => html`<li key=${slot.from} class="row">
      <span class="numbers hour">${hour(slot.from)}</span><span class="sign ${slot.state}">${ICONS[slot.state] && html`<${Icon} name=${ICONS[slot.state]} size=${12} />`}</span>
      <span class="grow">${t(`state_${slot.state}`)}${isTold(slot) && slot.reason !== hours[at - 1]?.reason && html`<span class="small soft"> · ${reasonWords(slot.reason)}</span>`}</span>
      ${slot.leads.all > 0 && html`<span class="small numbers">${t("enquiries", { n: slot.leads.all })}</span>`}</li>`)}</ol>`}<//><//>`
}

// hours.js: who is here now, the week of the organization and of each member, holidays, and who is away.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org, person } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Button, Chip, Field, IconButton, Loaded } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { complain, say } from "../../ui/toasts.js"
import { t } from "./hours-words.js"
import { askAbsence } from "./absence.js"
import { Week, weekWords } from "./week.js"

const key = () => `availability ${org.value.id}`
const changed = () => { refresh(key()); say(t("saved")) }

function Member({ member, week }) {
  const mayChange = may("admin") || member.user_id === person.value.id
  const away = member.absences.find(({ from_at: from, to_at: to }) => new Date(from) <= Date.now() && new Date(to) > Date.now())
  const state = member.is_working ? t("here") : away ? t("awayUntil", { time: moment(away.to_at) }) : member.next_opening ? t("backAt", { time: moment(member.next_opening) }) : t("notHere")
  const hours = () => show((close) => html`<${Dialog} title=${t("hoursOf", { name: member.name })} onClose=${() => close()}>
    <${Week} hours=${member.hours} fallback=${t("asOrganization")} begin=${Object.keys(week).length ? week : undefined} save=${async (given) => { await rpc("save_working_hours", { hours: given, user_id: member.user_id }); changed(); close() }} /><//>`)
  const absence = async () => { if (await askAbsence(member)) changed() }
  const remove = async (id) => { await rpc("remove_absence", { absence_id: id }); changed() }
  return html`<li class="row member here-row"><${Avatar} name=${member.name} id=${member.user_id} />
    <div class="grow stack tight"><div class="row breaks"><strong class="clip"><bdi>${member.name}</bdi></strong>${member.user_id === person.value.id && html`<span class="soft">(${t("you")})</span>`}<${Chip} kind=${member.is_working ? "good" : away ? "warn" : ""}>${state}<//></div>
      <p class="soft small wrap">${Object.keys(member.hours).length ? weekWords(member.hours) : t("asOrganizationShort")}</p>
      ${member.absences.map(({ absence_id: id, from_at: from, to_at: to }) => html`<p class="row small" key=${id}><${Icon} name="CalendarClock" size=${14} className="warn" /><span class="wrap">${t("away", { from: moment(from), to: moment(to) })}</span>
        ${mayChange && html`<${IconButton} icon="X" size=${14} label=${t("absenceBack", { name: member.name })} onClick=${() => remove(id).catch(complain)} />`}</p>`)}</div>
    ${mayChange && html`<${Menu} label=${member.name} items=${[{ label: t("hoursOf", { name: member.name }), icon: "Clock", run: hours }, { label: t("addAbsence"), icon: "CalendarClock", run: absence }]}
      trigger=${(props) => html`<${IconButton} icon="EllipsisVertical" label=${t("changeOf", { name: member.name })} ...${props} />`} />`}</li>`
}

const FIXED = [["01-26", "republicDay"], ["08-15", "independenceDay"], ["10-02", "gandhiJayanti"]]

/** Days that are a holiday everywhere in India, the next time each comes, and that are not entered yet. */
function proposed(today, known) {
  if (org.value.country !== "IN") return []
  const year = Number(today.slice(0, 4))
  return FIXED.map(([day, name]) => ({ day: `${year}-${day}` >= today ? `${year}-${day}` : `${year + 1}-${day}`, name: t(name) })).filter(({ day }) => !known.some((other) => other.day === day))
}

function Holidays({ holidays }) {
  const [day, setDay] = useState("")
  const [name, setName] = useState("")
  const save = async (given) => { await rpc("save_holiday", given); changed() }
  const today = new Date().toLocaleDateString("en-CA")
  const add = async () => { await save({ day, name: name.trim() }); setDay(""); setName("") }
  return html`<section class="card stack"><h3>${t("holidays")}</h3>
    ${holidays.length ? html`<ul class="list">${holidays.map((one) => html`<li class="row member" key=${one.day}><span class="grow wrap"><strong>${date(`${one.day}T12:00:00`)}</strong> · ${one.name}</span>
        ${may("admin") && html`<${IconButton} icon="X" size=${18} label=${t("dropHoliday", { name: one.name })} onClick=${() => save({ day: one.day, name: null }).catch(complain)} />`}</li>`)}</ul>` : html`<p class="soft">${t("noHolidays")}</p>`}
    ${may("admin") && html`<form class="row breaks invite" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector("[data-add]").click() }}>
        <${Field} label=${t("day")}>${(props) => html`<input ...${props} type="date" min=${today} value=${day} onInput=${(event) => setDay(event.target.value)} />`}<//>
        <div class="grow"><${Field} label=${t("holidayName")}>${(props) => html`<input ...${props} maxlength="60" autocomplete="off" placeholder=${t("holidayExample")} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//></div>
        <${Button} data-add disabled=${!day || !name.trim()} onClick=${add}>${t("add")}<//></form>
      ${proposed(today, holidays).length > 0 && html`<div class="row breaks">${proposed(today, holidays).map((one) => html`<${Button} kind="quiet" icon="Plus" key=${one.day} onClick=${() => save(one)}>${one.name}, ${date(`${one.day}T12:00:00`)}<//>`)}</div>`}`}</section>`
}

export default function Hours() {
  const query = useQuery(key(), () => rpc("availability"))
  return html`<${Loaded} query=${query} retry=${() => refresh(key())} height=${80}>${(found) => html`
    <section class="card stack tight"><div class="row between breaks"><h3>${t("whoIsHere")}</h3><${Chip} kind=${found.is_open ? "good" : ""}>${found.is_open ? t("open") : found.next_opening ? t("closedUntil", { time: moment(found.next_opening) }) : t("closed")}<//></div>
      <ul class="list">${found.members.map((member) => html`<${Member} key=${member.user_id} member=${member} week=${found.hours} />`)}</ul></section>
    <section class="card stack"><div><h3>${t("week")}</h3><p class="soft">${t("weekText", { zone: found.time_zone })}</p></div>
      <${Week} hours=${found.hours} fallback=${t("always")} mayChange=${may("admin")} save=${async (hours) => { await rpc("save_working_hours", { hours }); changed() }} /></section>
    <${Holidays} holidays=${found.holidays} />`}<//>`
}

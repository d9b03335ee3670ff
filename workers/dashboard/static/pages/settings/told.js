// told.js: of what a person is told, in the bell and on their devices; quiet hours; what a locked screen may show.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full } from "../../lib/formats.js"
import { adjust, refresh } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Check, Chip, Field, Select } from "../../ui/basics.js"
import { complain } from "../../ui/toasts.js"
import { forgetOwn, ownDevice } from "../notifications/push.js"
import { t } from "./told-words.js"
import { DAYS, dayName } from "./week.js"

export const key = () => `told ${org.value.id}`
export async function readTold() {
  const own = ownDevice.value
  const found = await rpc("my_notification_settings")
  // A device that the server has ended meanwhile is none here either.
  if (own && own === ownDevice.value && !found.devices.some((one) => one.device_id === own)) forgetOwn()
  return found
}

/** Changes what is chosen at once; what the server refuses is taken back. */
export async function choose(change) {
  const undo = adjust(key(), (before) => ({ ...before, ...change }))
  try {
    const now = await rpc("save_notification_settings", { settings: change })
    adjust(key(), () => now)
  } catch (error) {
    undo()
    complain(error)
  }
}

const KINDS = ["new_message", "new_lead", "lead_assigned", "task_due", "task_assigned", "mention", "number_needs_attention", "billing"]
const NEEDS = { number_needs_attention: "admin", billing: "owner" }
const SCOPES = { new_message: "messages", new_lead: "leads" }

export function Kinds({ settings }) {
  const tick = (where, kind, isOn) => choose({ [where]: isOn ? [...settings[where], kind] : settings[where].filter((one) => one !== kind) })
  return html`<section class="card stack tight"><h3>${t("what")}</h3><p class="soft">${t("whatText")}</p>
    <table class="kinds"><thead><tr><th scope="col"><span class="hidden-visually">${t("kind")}</span></th>${["inApp", "push"].map((name) => html`<th scope="col" key=${name}>${t(name)}</th>`)}</tr></thead>
      <tbody>${KINDS.filter((kind) => !NEEDS[kind] || may(NEEDS[kind])).map((kind) => html`<tr key=${kind}><th scope="row"><span>${t(kind)}${kind === "new_message" && html`<span class="soft small"><br />${t("new_messageText")}</span>`}</span>
          ${SCOPES[kind] && html`<${Select} aria-label=${t("which", { kind: t(kind) })} value=${settings[kind]} options=${["mine", "unassigned", "all"].map((one) => [one, t(`${SCOPES[kind]}_${one}`)])} onChange=${(event) => choose({ [kind]: event.target.value })} />`}</th>
        ${[["in_app", "inApp"], ["push", "push"]].map(([where, name]) => html`<td key=${where}><label class="tick"><span class="hidden-visually">${`${t(kind)}: ${t(name)}`}</span><input type="checkbox" checked=${settings[where].includes(kind)} onChange=${(event) => tick(where, kind, event.target.checked)} /></label></td>`)}</tr>`)}</tbody></table>
    <div><a class="button" href="/notifications">${t("see")}</a></div></section>`
}

const NIGHT = { from: "21:00", to: "08:00", days: [1, 2, 3, 4, 5, 6, 7], time_zone: null }

export function Quiet({ settings }) {
  const [given, setGiven] = useState(settings.quiet ?? NIGHT)
  const isOn = Boolean(settings.quiet)
  const change = (part) => {
    const next = { ...given, ...part }
    setGiven(next)
    if (next.from && next.to && next.days.length) choose({ quiet: next })
  }
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zones = [["", t("zoneOrg", { zone: settings.time_zone })], ...[...new Set([here, given.time_zone])].filter((zone) => zone && zone !== settings.time_zone).map((zone) => [zone, zone === here ? t("zoneHere", { zone }) : zone])]
  const days = (day, isIn) => change({ days: DAYS.map(Number).filter((one) => (one === day ? isIn : given.days.includes(one))) })
  return html`<section class="card stack"><div class="row between breaks"><h3>${t("quiet")}</h3>${settings.silent_until && html`<${Chip} kind="warn" icon="Moon">${t("silentNow", { time: full(settings.silent_until) })}<//>`}</div>
    <p class="soft">${t("quietText")}</p>
    <${Check} label=${t("quietOn")} checked=${isOn} onChange=${(event) => choose({ quiet: event.target.checked ? given : null })} />
    ${isOn && html`<div class="quiet-times">${["from", "to"].map((name) => html`<${Field} key=${name} label=${t(name)}>${(props) => html`<input ...${props} type="time" required value=${given[name]} onChange=${(event) => change({ [name]: event.target.value })} />`}<//>`)}
        ${zones.length > 1 && html`<${Field} label=${t("zone")}>${(props) => html`<${Select} ...${props} value=${given.time_zone ?? ""} options=${zones} onChange=${(event) => change({ time_zone: event.target.value || null })} />`}<//>`}</div>
      <fieldset class="quiet-days"><legend class="label">${t("days")}</legend>${DAYS.map((day) => html`<label class="chip" key=${day}><input type="checkbox" class="hidden-visually" aria-label=${dayName(day)} checked=${given.days.includes(Number(day))} disabled=${given.days.length === 1 && given.days[0] === Number(day)} onChange=${(event) => days(Number(day), event.target.checked)} /><span aria-hidden="true">${dayName(day, "short")}</span></label>`)}</fieldset>`}
    <${Check} label=${t("urgent")} help=${t("urgentHelp")} checked=${settings.urgent_passes} onChange=${(event) => choose({ urgent_passes: event.target.checked })} /></section>`
}

export function LockedScreen({ settings }) {
  const allow = async (isAllowed) => {
    const undo = adjust(key(), (before) => ({ ...before, text_allowed: isAllowed }))
    await rpc("allow_push_text", { is_allowed: isAllowed }).catch((error) => { undo(); complain(error) })
    refresh(key())
  }
  return html`<section class="card stack"><h3>${t("privacy")}</h3>
    <${Check} label=${t("text")} help=${settings.text_allowed ? t("textHelp") : t("textBarred")} disabled=${!settings.text_allowed} checked=${settings.text_allowed && settings.shows_text} onChange=${(event) => choose({ shows_text: event.target.checked })} />
    ${may("admin") && html`<${Check} label=${t("allow")} help=${t("allowHelp")} checked=${settings.text_allowed} onChange=${(event) => allow(event.target.checked)} />`}</section>`
}

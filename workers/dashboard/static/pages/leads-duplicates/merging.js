// merging.js: two contacts side by side, what stays of each, how much comes together; and the way back.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, day, phone } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { format } from "../../lib/words.js"
import { Button, Loaded, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { calledOf, deny } from "./parts.js"
import { t } from "./words.js"

const FIELDS = ["name", "company", "phone", "email", "address", "city", "state", "pincode", "country"]
const COUNTED = ["leads", "conversations", "messages", "tasks", "conversation_notes", "scheduled_messages", "contact_points"]
const SAID = new Set(["already_merged", "contact_unknown", "merge_too_old", "merge_closed", "merge_undo_order", "message_under_way", "contact_busy"])
const SHOWN = ["lead/", "lead-", "contact/", "duplicates/", "merges/", "leads"] // whatever shows either of them

const refreshAll = () => SHOWN.forEach(refresh)
const refusal = (error) => { const problem = asProblem(error); return SAID.has(problem.detail) ? t(problem.detail) : problem.words }

/** "3 leads, 1 chat and 42 messages", or nothing. */
const sizes = (moved) => format(Intl.ListFormat, { type: "conjunction" }).format(COUNTED.filter((name) => moved[name]).map((name) => t(`n_${name}`, { n: moved[name] })))

export async function undoMerge(id, then = () => {}) {
  try {
    const { late_leads: late } = await rpc("undo_merge", { merge_id: id })
    say(late ? t("unmergedLate", { n: late }) : t("unmerged"))
  } catch (error) {
    say(refusal(error), { isBad: true })
  }
  refreshAll()
  then()
}

/** Compares two contacts and makes them one if somebody says so; then(gone): what is shown is to be read again; the id that is no more, if one is. */
export async function merge(one, other, then = () => {}) {
  const done = await show((close) => html`<${Merging} one=${one} other=${other} close=${close} />`)
  if (!done) return
  refreshAll()
  then(done.merge_id ? other : null)
  if (!done.merge_id) return
  const what = sizes(done.moved)
  say(what ? t("mergedMoved", { what }) : t("merged"), { action: { label: t("undo"), run: () => undoMerge(done.merge_id, then) } })
}

function Merging({ one, other, close }) {
  const [picks, setPicks] = useState({})
  const key = `merge/${one}/${other}`
  const query = useQuery(key, () => rpc("preview_merge", { survivor_id: one, other_id: other }))
  const run = async () => {
    try {
      close(await rpc("merge_contacts", { survivor_id: one, other_id: other, picks }))
    } catch (error) {
      say(refusal(error), { isBad: true })
      if ([404, 409].includes(asProblem(error).status)) close({})
    }
  }
  return html`<${Dialog} title=${t("ask")} isWide onClose=${() => close()}>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${8} height=${32}>${(found) => html`
      <${Side} found=${found} picks=${picks} onPick=${(field, side) => setPicks({ ...picks, [field]: side })} />
      <div class="stack tight">
        <p><strong>${sizes(found.moves) ? t("moves", { what: sizes(found.moves) }) : t("movesNothing")}</strong></p>
        ${found.conversations_united > 0 && html`<p class="soft">${t("united", { n: found.conversations_united })}</p>`}
        ${found.opted_out && html`<${Notice} kind="warn">${t("stays")}<//>`}
        ${found.denied && html`<${Notice} kind="warn">${t("wasDenied")}<//>`}
        <p class="small soft">${t("undoHelp")}</p>
      </div>
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//>
        ${!found.denied && html`<${Button} onClick=${async () => { await deny({ one: found.survivor, other: found.other }, "duplicates/"); close({}) }}>${t("notSame")}<//>`}
        <${Button} kind="primary" icon="Users" onClick=${run}>${t("merge")}<//></div>`}<//>
  <//>`
}

const read = (field, value) => (field === "phone" ? phone(value) : field === "country" ? format(Intl.DisplayNames, { type: "region" }).of(value) : value)

function Side({ found, picks, onPick }) {
  const shown = FIELDS.filter((field) => found.fields[field].survivor ?? found.fields[field].other)
  const isOpen = (field) => found.fields[field].survivor && found.fields[field].other && found.fields[field].survivor !== found.fields[field].other
  return html`<div class="sides">
    <div class="pair-head">${[found.survivor, found.other].map((person, at) => html`<div key=${person.contact_id}><p class="small soft">${t(at ? "second" : "first")}</p><p class="wrap"><strong>${calledOf(person)}</strong></p>
      <p class="small soft">${[t("since", { day: date(person.created_at) }), t("leads", { n: person.leads }), person.last_message_at ? t("lastMessage", { day: day(person.last_message_at) }) : t("noMessages")].join(" · ")}</p>
      ${person.opted_out && html`<p class="small warn">${t("optedOut")}</p>`}</div>`)}</div>
    ${shown.some(isOpen) && html`<p class="small soft">${t("chosenHelp")}</p>`}
    ${shown.map((field) => html`<fieldset key=${field}><legend class="small soft">${t(field)}</legend><div class="pair-values"><${Values} field=${field} ...${found.fields[field]} isOpen=${isOpen(field)} pick=${picks[field] ?? "survivor"} onPick=${(side) => onPick(field, side)} /></div></fieldset>`)}
  </div>`
}

function Values({ field, survivor, other, isOpen, pick, onPick }) {
  const sides = { survivor, other }
  if (isOpen) {
    return Object.entries(sides).map(([side, value]) => html`<label key=${side} class="value" data-kept=${pick === side}><input type="radio" name="merge-${field}" checked=${pick === side} onChange=${() => onPick(side)} /><span class="wrap">${read(field, value)}</span></label>`)
  }
  if (survivor === other) return html`<p class="value wrap both">${read(field, survivor)}</p>`
  return Object.entries(sides).map(([side, value]) => html`<p key=${side} class="value wrap ${value ? "" : "faint"}">${value ? read(field, value) : t("nothing")}</p>`)
}

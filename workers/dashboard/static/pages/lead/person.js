// person.js: who the lead is: what is known of them, corrected where it stands, their numbers and addresses, and who was merged into them.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { day, phone } from "../../lib/formats.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { Button, Notice } from "../../ui/basics.js"
import { undoMerge } from "../leads-duplicates/merging.js"
import { useLeadChanges } from "../leads/changes.js"
import { Editable } from "./editing.js"
import { PersonData } from "./person-data.js"
import Erasure, { EraseButton } from "./erasing.js"
import { PERSON, t } from "./person-words.js"
import { Points } from "./points.js"

const LENGTHS = { name: 200, company: 300, address: 1000, city: 200, state: 200, pincode: 20 }

/** The contact with its points, or null when it is not there (any more). */
async function read(id) {
  const [[contact], points] = await Promise.all([
    rows("contacts", (ask) => ask.select(`id, ${PERSON.join(", ")}, username, opted_out_at, erase_at, erased_at`).eq("id", id)),
    rows("contact_points", (ask) => ask.select("kind, value, label, source, is_primary, created_at").eq("contact_id", id)),
  ])
  return contact ? { ...contact, points } : null
}

/** again(): reads the lead anew, which shows some of this too. */
export function Person({ lead, again }) {
  const key = `contact/${lead.contact_id}`
  const query = useQuery(key, () => read(lead.contact_id))
  useLeadChanges((ids) => { if (!ids || ids.includes(lead.id)) refresh(key) })
  // Until all of it is known: what the lead shows of it.
  const contact = query.data ?? { ...Object.fromEntries(PERSON.map((field) => [field, lead[field] ?? null])), points: [] }
  const changed = (answer) => {
    adjust(key, (known) => ({ ...known, ...Object.fromEntries(PERSON.map((field) => [field, answer[field]])) }))
    again()
  }
  const save = (field) => async (text) => changed(await rpc("change_contact", { contact_id: lead.contact_id, change: { [field]: text.trim() || null } }))
  const line = (field) => html`<${Editable} key=${field} label=${t(field)} shown=${contact[field] ?? ""} value=${contact[field] ?? ""} save=${save(field)}
    input=${({ onInput, ...props }) => (field === "address"
      ? html`<textarea ...${props} maxlength=${LENGTHS[field]} title=${t("addressHelp")} onInput=${(event) => onInput(event.target.value)}></textarea>`
      : html`<input ...${props} maxlength=${LENGTHS[field]} inputmode=${field === "pincode" ? "numeric" : undefined} autocomplete="off" onInput=${(event) => onInput(event.target.value)} />`)} />`
  const missing = PERSON.filter((field) => field !== "name" && !contact[field])
  if (contact.erased_at) return html`<section class="card stack tight person-card" aria-label=${t("person")}><h2>${t("person")}</h2><${Erasure} contact=${contact} /></section>`
  return html`<section class="card stack tight person-card" aria-label=${t("person")}><h2>${t("person")}</h2>
    <${Erasure} contact=${contact} again=${again} />
    ${contact.opted_out_at && !contact.erase_at && html`<${Notice} kind="warn">${t("optedOut")}<//>`}
    ${line("name")}
    <${Points} contact=${contact} lead=${lead} isKnown=${Boolean(query.data)} again=${() => { refresh(key); again() }} />
    ${PERSON.filter((field) => field !== "name" && !missing.includes(field)).map(line)}
    ${contact.username && html`<p class="small soft wrap">${t("username", { name: contact.username })}</p>`}
    ${query.data && missing.length > 0 && html`<details><summary>${t("addMore", { what: missing.map((field) => t(field)).join(", ") })}</summary><div class="stack tight">${missing.map(line)}</div></details>`}
    <${Merges} lead=${lead} again=${again} />
    <div class="person-data"><${PersonData} contactId=${lead.contact_id} />${query.data && html`<${EraseButton} contact=${contact} again=${again} />`}</div>
  </section>`
}

function Merges({ lead, again }) {
  const { data } = useQuery(`merges/${lead.contact_id}`, () => rpc("list_merges", { contact_id: lead.contact_id }))
  const merges = (data?.items ?? []).filter((merge) => !merge.undone_at && !merge.obstacle)
  if (!merges.length) return null
  return html`<ul class="list">${merges.map((merge) => html`<li key=${merge.merge_id} class="row merged"><span class="grow wrap small soft">${t("mergedWith", { name: merge.name || phone(merge.phone) || merge.email || t("mergedGone"), day: day(merge.merged_at) })}</span>
    <${Button} kind="quiet" icon="Undo2" onClick=${() => undoMerge(merge.merge_id).then(again)}>${t("undoMerge")}<//></li>`)}</ul>`
}

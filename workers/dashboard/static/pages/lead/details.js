// details.js: beside the timeline: the person, what the lead is worth and whose it is, tags, own fields, other leads of the person.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { full, money, moment } from "../../lib/formats.js"
import { Problem } from "../../lib/problems.js"
import { useQuery } from "../../lib/queries.js"
import { inTurn } from "../../lib/turns.js"
import { Button } from "../../ui/basics.js"
import { show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { NewTag } from "../leads/tagging.js"
import { asInput, customText, FieldInput, fromInput } from "../leads/fields.js"
import { amount, At, Owner, sourceName, StageChip, Tag } from "../leads/parts.js"
import { recall } from "../leads/reference.js"
import { Doubles } from "./doubles.js"
import { InSequences } from "../sequences/in-sequences.js"
import { Editable } from "./editing.js"
import { Person } from "./person.js"
import { Tasks } from "./tasks.js"
import { t } from "./words.js"

export function Details({ lead, reference, change, again, stage, won, lost, move }) {
  const saveValue = (text) => {
    const value = amount(text)
    if (value === undefined) throw new Problem({ status: 422, detail: "value_invalid", message: t("amountWrong") })
    return change("set_lead_value", { value, currency: value === null ? null : lead.currency ?? "INR" }).then(again)
  }
  const saveField = (field) => (text) => change("set_lead_fields", { fields: { [field.key]: fromInput(field, text) } }).then(again)
  return html`<aside class="details stack" aria-label=${t("details")}>
    <${Person} lead=${lead} again=${again} />
    <${Tasks} lead=${lead} />
    <section class="card stack tight"><h2>${t("lead")}</h2>
      <div class="editable"><span class="small soft label">${t("owner")}</span>
        <${Menu} label=${t("owner")} items=${[{ label: t("nobody"), icon: "UserX", isChosen: !lead.owner_id, run: () => change("assign_lead", { owner_id: null }).then(again) },
          ...reference.members.map(({ id, name }) => ({ label: name, icon: "User", isChosen: id === lead.owner_id, run: () => change("assign_lead", { owner_id: id }).then(again) }))]}
          trigger=${({ ref, ...props }) => html`<button type="button" aria-label=${t("changeOwner")} ref=${ref} ...${props}><span class="grow"><${Owner} id=${lead.owner_id} reference=${reference} hasName /></span><${Icon} name="ChevronDown" size=${14} /></button>`} /></div>
      <${Editable} label=${t("value")} shown=${lead.value === null ? "" : money(lead.value, lead.currency)} value=${lead.value === null ? "" : String(Number(lead.value))} save=${async (text) => saveValue(text)}
        input=${({ onInput, ...props }) => html`<input ...${props} inputmode="decimal" autocomplete="off" placeholder="₹" onInput=${(event) => onInput(event.target.value)} />`} />
      <div class="editable"><span class="small soft label">${t("tags")}</span><div class="row breaks"><${Tags} lead=${lead} reference=${reference} again=${again} /></div></div>
      ${!lead.erased_at && reference.fields.map((field) => html`<${Editable} key=${field.key} label=${field.label + (field.is_required ? " *" : "")} shown=${customText(field, lead.custom[field.key])} value=${asInput(field, lead.custom[field.key])}
        isChoice=${field.kind === "choice" || field.kind === "yes_no"} save=${saveField(field)} input=${(props) => html`<${FieldInput} ...${props} field=${field} />`} />`)}
      <p class="small soft">${t("cameFrom", { source: sourceName(reference, lead) })} · <time datetime=${lead.received_at} title=${full(lead.received_at)}>${moment(lead.received_at)}</time></p>
      ${!lead.erased_at && html`<div class="row breaks narrow-row">${stage?.kind === "open"
        ? html`${won && html`<${Button} icon="CircleCheck" onClick=${() => move(won)}>${t("win")}<//>`}${lost && html`<${Button} icon="CircleX" onClick=${() => move(lost)}>${t("lose")}<//>`}`
        : html`<${Button} icon="RotateCcw" onClick=${() => change("reopen_lead", {}).then(again)}>${t("reopen")}<//>`}</div>`}
    </section>
    ${!lead.erased_at && html`<${Doubles} lead=${lead} again=${again} />`}
    ${!lead.erased_at && !lead.erase_at && html`<${InSequences} lead=${lead} />`}
    <${Others} lead=${lead} reference=${reference} />
  </aside>`
}

function Tags({ lead, reference, again }) {
  const set = (tag, isOn) => inTurn(lead, () => rpc("tag_lead", { lead_id: lead.id, tag_id: tag, is_on: isOn })).then(again)
  const has = (id) => lead.tags.some((tag) => tag.id === id)
  const make = async () => {
    const id = await show((close) => html`<${NewTag} close=${close} />`)
    if (id) { recall(); await set(id, true) }
  }
  return html`${lead.tags.map((tag) => html`<${Tag} key=${tag.id} tag=${tag}><button type="button" class="drop" aria-label=${t("untag", { name: tag.name })} onClick=${() => set(tag.id, false)}><${Icon} name="X" size=${14} /></button><//>`)}
    <${Menu} label=${t("tags")} items=${[...reference.tags.map(({ id, name, colour }) => ({ label: name, dot: colour ?? "var(--ink-faint)", isChosen: has(id), run: () => set(id, !has(id)) })), { label: t("newTag"), icon: "Plus", run: make }]}
      trigger=${({ ref, ...props }) => html`<button type="button" class="chip" ref=${ref} ...${props}><${Icon} name="Plus" size=${14} />${t("addTag")}</button>`} />`
}

function Others({ lead, reference }) {
  const { data } = useQuery(`lead-others/${lead.contact_id}/${lead.id}`, () => rows("leads", (query) => query.select("id, title, product, message, stage_id, received_at")
    .eq("contact_id", lead.contact_id).neq("id", lead.id).order("received_at", { ascending: false }).limit(20)))
  if (!data?.length) return null
  return html`<section class="card stack tight"><h2>${t("others")}</h2><ul class="list">${data.map((other) => html`<li key=${other.id}><a class="other" href="/leads/${other.id}">
    <span class="clip grow"><bdi>${other.product || other.title || other.message || t("noProduct")}</bdi></span><${StageChip} stage=${reference.the("stage", other.stage_id)} /><${At} at=${other.received_at} /></a></li>`)}</ul></section>`
}

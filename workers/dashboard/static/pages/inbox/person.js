// person.js: beside a conversation: who this is, what they asked for, what they agreed to, and what it has cost.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief, duration, full, moment, money, now, phone } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Avatar } from "../../ui/avatar.js"
import { Button, Chip, Field, IconButton, lazy, Loaded, When } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { titleOf } from "./cards.js"
import { assigneeItems, labelItems, windowWords } from "./header.js"
import { Stage } from "./stage.js"
import { labelOf, nameOf, numberOf } from "./team.js"
import { t } from "./words.js"

function Consent({ contact, close }) {
  const isOut = Boolean(contact.opted_out_at)
  const [words, setWords] = useState("")
  const decide = async () => {
    await rpc("set_contact_consent", { contact_id: contact.id, decision: isOut ? "opt_in" : "opt_out", evidence: words.trim() || null })
    refresh(`contact:${contact.id}`)
    say(t(isOut ? "optedInDone" : "optedOutDone"))
    close()
  }
  return html`<${Dialog} title=${t(isOut ? "optInTitle" : "optOutTitle")} onClose=${() => close()}>
    <p class="soft">${t(isOut ? "optInText" : "optOutText")}</p>
    <${Field} label=${t(isOut ? "howAgreed" : "howRefused")}>${(props) => html`<textarea ...${props} maxlength="2000" value=${words} onInput=${(event) => setWords(event.target.value)}></textarea>`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary ${isOut ? "" : "danger"}" disabled=${isOut && !words.trim()} onClick=${decide}>${t(isOut ? "optIn" : "optOut")}<//></div><//>`
}

const Tasks = lazy(() => import("../tasks/of.js"))
const Part = ({ title, children, action }) => html`<section class="person-part"><div class="row between"><h3>${title}</h3>${action}</div>${children}</section>`
const Fact = ({ icon, label, children }) => html`<div class="person-fact"><${Icon} name=${icon} size=${16} label=${label} /><span class="grow wrap">${children}</span></div>`

function Lead({ lead, card }) {
  return html`<li class="person-lead"><div class="row between"><a class="grow wrap two" href=${`/leads/${lead.id}`}><bdi>${lead.product || lead.title || t("lead")}</bdi></a><span class="small soft"><${When} at=${lead.received_at} as=${brief} /></span></div>
    ${lead.message && html`<p class="small soft wrap three" dir="auto">${lead.message}</p>`}
    <div class="row between"><${Stage} lead=${lead} contactId=${card.contact_id} />${lead.value !== null && html`<strong class="numbers">${money(lead.value, lead.currency)}</strong>`}</div>
    <a class="small" href=${`/leads/${lead.id}`}>${t("timeline")}</a></li>`
}

function Windows({ card }) {
  const query = useQuery(`windows:${card.id}:${card.last_message_at}`, () => rpc("conversation_windows_of", { conversation_id: card.id }))
  return html`<${Loaded} query=${query} lines=${2}>${(windows) => (windows.length ? html`<ul class="windows">${windows.slice(0, 8).map((each) => {
    const left = new Date(each.closes_at) - now.value
    return html`<li class="row between small"><span>${t(`window_${each.kind}`)}</span><span class="soft" title=${`${full(each.opened_at)} – ${full(each.closes_at)}`}>${left > 0 ? html`<${Chip} kind="good">${t("timeLeft", { time: duration(left) })}<//>` : t("endedAt", { time: moment(each.closes_at) })}</span></li>`
  })}</ul>` : html`<p class="small soft">${t("noWindows")}</p>`)}<//>`
}

function Cost({ card }) {
  const query = useQuery(`spent:${card.id}`, () => rpc("conversation_cost", { conversation_id: card.id }))
  return html`<${Loaded} query=${query} lines=${1}>${({ totals, needs_review: open }) => html`
    ${totals.length ? totals.map(({ currency, amount, messages }) => html`<p class="row between"><strong class="numbers">${money(amount, currency, 3)}</strong><span class="small soft">${t("priced", { n: messages })}</span></p>`) : html`<p class="small soft">${t("noCost")}</p>`}
    ${open > 0 && html`<p class="small warn">${t("costOpen", { n: open })}</p>`}`}<//>`
}

export function Person({ card, contact: query, leads, onClose }) {
  const name = titleOf(card)
  const contact = query.data
  const number = numberOf(card.number_id)
  return html`<div class="person-inner">
    <div class="row between person-close"><h2>${t("person")}</h2><${IconButton} icon="X" label=${t("close")} onClick=${onClose} /></div>
    <div class="person-top"><${Avatar} name=${card.contact_name} id=${card.contact_id} windowEnds=${card.window_expires_at} /><div class="grow"><strong class="wrap three"><bdi>${name}</bdi></strong><p class="small soft">${windowWords(card, "leftLong")}</p></div></div>
    <${Loaded} query=${query} lines=${3}>${() => html`<div class="facts-list">
      ${contact.phone && html`<${Fact} icon="Phone" label=${t("phone")}><a href=${`tel:${contact.phone}`}>${phone(contact.phone)}</a><//>`}
      ${contact.username && html`<${Fact} icon="User" label=${t("username")}>@${contact.username}<//>`}
      ${contact.company && html`<${Fact} icon="Building2" label=${t("company")}>${contact.company}<//>`}
      ${contact.email && html`<${Fact} icon="Mail" label=${t("email")}>${contact.email}<//>`}
      ${[contact.address, contact.city, contact.state, contact.pincode].some(Boolean) && html`<${Fact} icon="MapPin" label=${t("address")}>${[contact.address, contact.city, contact.state, contact.pincode].filter(Boolean).join(", ")}<//>`}
      ${number && html`<${Fact} icon="MessageCircle" label=${t("ourNumber")}>${t("viaNumber", { number: number.display_phone })}<//>`}</div>`}<//>
    <${Part} title=${t("team")}>
      <div class="row breaks"><${Menu} label=${t("assign")} items=${assigneeItems(card)} trigger=${(props) => html`<button type="button" class="chip" ...${props}><${Icon} name="UserCheck" size=${14} /><span class="clip">${card.assignee_id ? nameOf(card.assignee_id) : t("nobody")}</span></button>`} />
        ${card.label_ids.map(labelOf).filter(Boolean).map(({ id, name: words, colour }) => html`<${Chip} key=${id}><span class="dot" style=${{ background: colour }}></span><bdi class="clip">${words}</bdi><//>`)}
        <${Menu} label=${t("labels")} items=${labelItems(card)} trigger=${(props) => html`<button type="button" class="chip" ...${props}><${Icon} name="Tag" size=${14} />${t("labels")}</button>`} /></div><//>
    <${Part} title=${t("leads")}><${Loaded} query=${leads} lines=${3}>${(found) => (found.length ? html`<ul class="stack tight">${found.map((lead) => html`<${Lead} key=${lead.id} lead=${lead} card=${card} />`)}</ul>` : html`<p class="small soft">${t("noLeads")}</p>`)}<//><//>
    <${Part} title=${t("tasks")}><${Tasks} filter=${{ contact: card.contact_id }} whom=${{ ...(leads.data?.[0] ? { lead_id: leads.data[0].id, about: leads.data[0].product || leads.data[0].title } : { contact_id: card.contact_id }), name }} /><//>
    <${Part} title=${t("consent")} action=${contact && html`<button type="button" class="button quiet" onClick=${() => show((close) => html`<${Consent} ...${{ contact, close }} />`)}>${t(contact.opted_out_at ? "optIn" : "optOut")}</button>`}>
      ${contact && html`<p class="row small ${contact.opted_out_at ? "danger" : ""}"><${Icon} name=${contact.opted_out_at ? "Ban" : "CircleCheck"} size=${16} />${contact.opted_out_at ? t("optedOutSince", { time: moment(contact.opted_out_at) }) : t("mayWrite")}</p>
        ${contact.consents[0]?.evidence?.words && html`<p class="small soft wrap three">“${contact.consents[0].evidence.words}”</p>`}`}<//>
    <${Part} title=${t("cost")}><${Cost} card=${card} /><//>
    <${Part} title=${t("windows")}><${Windows} card=${card} /><//>
  </div>`
}


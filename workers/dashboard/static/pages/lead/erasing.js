// erasing.js: a person who asks to be forgotten: what would go, the request, and a day in which it can be taken back.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, moment, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Loaded, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { KINDS, t } from "./erasing-words.js"

/** Both pages that show the person read them anew. */
const changed = (contact, again) => {
  refresh(`contact/${contact.id}`)
  refresh(`contact:${contact.id}`)
  again?.()
}

async function takeBack(contact, again) {
  await rpc("cancel_erasure", { contact_id: contact.id })
  say(t("undone"))
  changed(contact, again)
}

/** How an erasure stands; nothing while nobody asked for one. contact: with erase_at and erased_at. */
export default function Erasure({ contact, again }) {
  if (contact.erased_at) return html`<${Notice} kind="info"><strong>${t("erased")}</strong><p class="small">${t("erasedText", { day: date(contact.erased_at) })}</p><//>`
  if (!contact.erase_at) return null
  return html`<${Notice} kind="warn"><div class="stack tight"><strong>${t("waits", { time: moment(contact.erase_at) })}</strong><p class="small">${t("waitsText")}</p>
    ${may("admin") && html`<div><${Button} icon="Undo2" onClick=${() => takeBack(contact, again)}>${t("undo")}<//></div>`}</div><//>`
}

/** The way in, for administrators. */
export const EraseButton = ({ contact, again }) => may("admin") && !contact.erase_at && !contact.erased_at
  && html`<div><${Button} kind="quiet danger" icon="UserX" onClick=${() => { show((close) => html`<${Ask} ...${{ contact, close, again }} />`) }}>${t("erase")}<//></div>`

function Ask({ contact, close, again }) {
  const key = `erasure-preview/${contact.id}`
  const query = useQuery(key, () => rpc("erasure_preview", { contact_id: contact.id }))
  const erase = async () => {
    await rpc("erase_contact", { contact_id: contact.id })
    say(t("asked"))
    close(true)
    changed(contact, again)
  }
  return html`<${Dialog} title=${t("title", { name: contact.name || t("somebody") })} onClose=${() => close()}>
    <p class="wrap">${t("text")}</p>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${5}>${(found) => html`
      <h3>${t("goes")}</h3>
      ${KINDS.some((kind) => found[kind]) ? html`<dl class="facts">${KINDS.filter((kind) => found[kind]).map((kind) => html`<div key=${kind}><dt>${t(kind)}</dt><dd class="numbers">${number(found[kind])}</dd></div>`)}</dl>` : html`<p class="soft">${t("nothing")}</p>`}
      <p class="soft wrap">${t("stays")}</p>
      ${found.mentions.length > 0 && html`<h3>${t("mentions")}</h3><p class="soft wrap">${t("mentionsText")}</p>
        <ul class="list">${found.mentions.map((mention) => html`<li class="stack tight erasure-mention"><a href=${mention.conversation_id ? `/inbox/${mention.conversation_id}` : mention.lead_id ? `/leads/${mention.lead_id}` : "/tasks"} target="_blank">${t(mention.kind)}</a><p class="small wrap three"><bdi>${mention.text}</bdi></p></li>`)}</ul>`}`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("keep")}<//><${Button} kind="primary danger" icon="Trash2" disabled=${!query.data} onClick=${erase}>${t("action")}<//></div>
  <//>`
}

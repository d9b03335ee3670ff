// suggest.js: what is offered while somebody writes: quick replies after "/", colleagues after "@" in a note.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { say } from "../../ui/toasts.js"
import { attachStored } from "./attach.js"
import { members, replies } from "./team.js"
import { t } from "./words.js"

/** What to offer for a text with the cursor at its place: [{key, title, hint, take}], take gives the new text and cursor. */
export function offers(text, cursor, mode) {
  const before = text.slice(0, cursor)
  if (mode === "text") {
    const typed = /^\/([\p{L}\p{N}_-]*)$/u.exec(before)?.[1]?.toLowerCase()
    if (typed === undefined) return []
    return replies.value.filter(({ shortcut, title }) => shortcut.startsWith(typed) || title.toLowerCase().includes(typed)).slice(0, 8)
      .map((reply) => ({ key: reply.id, title: reply.title, hint: `/${reply.shortcut}`, text: reply.body, reply }))
  }
  const typed = /(?:^|\s)@([^@\n]{0,40})$/u.exec(before)?.[1]?.toLowerCase()
  if (typed === undefined) return []
  return members.value.filter(({ name }) => name.toLowerCase().startsWith(typed)).slice(0, 8)
    .map((member) => ({ key: member.id, title: member.name, hint: "@", member, from: cursor - typed.length }))
}

/** Takes an offer: gives {text, cursor}. */
export async function accept(offer, text, cursor, conversation) {
  if (offer.member) {
    const start = `${text.slice(0, offer.from)}${offer.member.name} `
    return { text: start + text.slice(cursor), cursor: start.length }
  }
  const filled = await rpc("fill_quick_reply", { quick_reply_id: offer.reply.id, conversation_id: conversation })
  if (filled.missing.length) say(t("replyMissing", { names: filled.missing.join(", ") }))
  if (filled.media_id) {
    const [file] = await rows("media", (query) => query.select("id, kind, filename, bytes").eq("id", filled.media_id))
    if (file) attachStored(conversation, file)
  }
  return { text: filled.text + text.slice(cursor), cursor: filled.text.length }
}

export const Offers = ({ found, at, onTake, id }) => html`<ul class="offers" role="listbox" id=${id} aria-label=${t("offers")}>${found.map((offer, index) => html`<li key=${offer.key} role="option" id=${`${id}-${index}`} aria-selected=${index === at}
  onMouseDown=${(event) => { event.preventDefault(); onTake(offer) }}><strong class="clip">${offer.title}</strong><span class="soft small">${offer.hint}</span>${offer.text && html`<span class="soft small clip full">${offer.text}</span>`}</li>`)}</ul>`

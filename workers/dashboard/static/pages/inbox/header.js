// header.js: above a conversation: who it is with, who answers it, and what can be done with it.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { duration, now } from "../../lib/formats.js"
import { go } from "../../lib/router.js"
import { person } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Button, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { complain, say } from "../../ui/toasts.js"
import { filter, patch, titleOf } from "./cards.js"
import { askLabel } from "./labels.js"
import { labelOf, labels, members, nameOf } from "./team.js"
import { t } from "./words.js"

/** Does something at once; when the server refuses, it is as before and says why. */
export async function optimistic(card, change, ask) {
  const undo = patch(card.id, change)
  try { await ask() } catch (error) {
    undo()
    complain(error)
  }
}

export const assign = (card, id) => optimistic(card, { assignee_id: id }, () => rpc("assign_conversation", { conversation_id: card.id, assignee_id: id }))
export const label = (card, id, isOn) => optimistic(card, { label_ids: isOn ? [...card.label_ids, id] : card.label_ids.filter((each) => each !== id) }, () => rpc("label_conversation", { conversation_id: card.id, label_id: id, is_on: isOn }))
export const settle = (card, status) => optimistic(card, { status }, async () => {
  await rpc(status === "resolved" ? "resolve_conversation" : "reopen_conversation", { conversation_id: card.id })
  if (status === "resolved") say(t("resolved"), { action: { label: t("undo"), run: () => settle({ ...card, status }, "open") } })
})

export const assigneeItems = (card) => [
  card.assignee_id !== person.value.id && { label: t("takeIt"), icon: "UserCheck", run: () => assign(card, person.value.id) },
  ...members.value.map(({ id }) => ({ label: nameOf(id), isChosen: card.assignee_id === id, run: () => assign(card, id) })),
  { label: t("nobody"), icon: "UserX", isChosen: !card.assignee_id, run: () => assign(card, null) },
]

export const labelItems = (card) => [
  ...labels.value.map(({ id, name, colour }) => ({ label: name, dot: colour, isChosen: card.label_ids.includes(id), run: () => label(card, id, !card.label_ids.includes(id)) })),
  { label: t("newLabel"), icon: "Plus", run: () => askLabel(card) },
]

/** Back among the unread ones of the team; whoever opens it reads it, so it is left. */
const leaveUnread = async (card) => {
  go(`/inbox${filter.value}`)
  await optimistic(card, { unread_count: 1 }, () => rpc("mark_unread", { conversation_id: card.id }))
}

export function windowWords(card, key = "left") {
  if (!card.window_expires_at) return t("windowNever")
  const left = new Date(card.window_expires_at) - now.value
  return left > 0 ? t(key, { time: duration(Math.max(left, 60_000)) }) : t("windowClosed")
}

export function Header({ card, onPerson, isPersonOpen }) {
  const name = titleOf(card)
  const isResolved = card.status === "resolved"
  return html`<header class="conversation-top">
    <a class="icon-button back" href=${`/inbox${filter.value}`} aria-label=${t("back")}><${Icon} name="ArrowLeft" /></a>
    <button type="button" class="who-button" onClick=${onPerson} aria-expanded=${isPersonOpen} aria-label=${t("personOf", { name })}>
      <${Avatar} name=${card.contact_name} id=${card.contact_id} windowEnds=${card.window_expires_at} />
      <span class="grow"><h2 class="clip"><bdi>${name}</bdi></h2><span class="small soft clip" title=${windowWords(card, "leftLong")}>${windowWords(card)}</span></span></button>
    <${Menu} label=${t("assign")} items=${assigneeItems(card)} trigger=${(props) => html`<button type="button" class="button assign" aria-label=${`${t("assign")}: ${card.assignee_id ? nameOf(card.assignee_id) : t("nobody")}`} ...${props}>
      ${card.assignee_id ? html`<${Avatar} name=${nameOf(card.assignee_id, { you: false })} id=${card.assignee_id} isSmall />` : html`<${Icon} name="UserPlus" size=${18} />`}<span class="clip">${card.assignee_id ? nameOf(card.assignee_id) : t("assign")}</span></button>`} />
    <${Menu} label=${t("labels")} items=${labelItems(card)} trigger=${(props) => html`<button type="button" class="icon-button labels-button" aria-label=${t("labels")} title=${t("labels")} ...${props}><${Icon} name="Tag" /></button>`} />
    <${Button} icon=${isResolved ? "RotateCcw" : "Check"} aria-label=${t(isResolved ? "reopen" : "resolve")} onClick=${() => settle(card, isResolved ? "open" : "resolved")}><span class="label">${t(isResolved ? "reopen" : "resolve")}</span><//>
    <${Menu} label=${t("more")} items=${[{ label: t("markUnread"), icon: "MessageSquare", run: () => leaveUnread(card) }, ...labelItems(card)]} trigger=${(props) => html`<button type="button" class="icon-button" aria-label=${t("more")} title=${t("more")} ...${props}><${Icon} name="EllipsisVertical" /></button>`} />
    <${IconButton} icon="Contact" label=${t("person")} class="icon-button person-button" aria-pressed=${isPersonOpen} onClick=${onPerson} />
  </header>
  ${card.label_ids.length > 0 && html`<ul class="label-strip" aria-label=${t("labels")}>${card.label_ids.map(labelOf).filter(Boolean).map(({ id, name: words, colour }) => html`<li key=${id} class="chip"><span class="dot" style=${{ background: colour }}></span><bdi class="clip">${words}</bdi></li>`)}</ul>`}`
}

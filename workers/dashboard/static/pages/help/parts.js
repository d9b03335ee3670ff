// parts.js: a ticket's state, its messages and the box that answers; for both sides.
import { html, useState } from "../../vendor/vendor.js"
import { full, moment } from "../../lib/formats.js"
import { Button, Chip, Field } from "../../ui/basics.js"
import { t } from "./words.js"

const KINDS = { open: "warn", waiting_for_us: "warn", waiting_for_you: "info", solved: "good" }

export const State = ({ state }) => html`<${Chip} kind=${KINDS[state] ?? ""}>${t(`state_${state}`)}<//>`

/** nameOf(message): who wrote it. */
export const Messages = ({ messages, nameOf, internal }) => html`<ol class="ticket-messages" aria-label=${t("conversation")}>${messages.map((message) => html`<li key=${message.id} class="ticket-message is-${message.is_internal ? "note" : message.side}">
  <p class="row breaks small"><strong class="wrap">${nameOf(message)}</strong>${message.is_internal && html`<${Chip} kind="warn" icon="EyeOff">${internal}<//>`}<time class="soft" datetime=${message.at} title=${full(message.at)}>${moment(message.at)}</time></p>
  <p class="wrap ticket-words">${message.body}</p></li>`)}</ol>`

/** send(text): a promise; what was written stays until it is kept. */
export function Writing({ label, action, send, children }) {
  const [text, setText] = useState("")
  const go = async () => {
    await send(text)
    setText("")
  }
  return html`<form class="stack tight" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${label}>${(props) => html`<textarea ...${props} maxlength="5000" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>`}<//>
    <div class="row breaks"><${Button} kind="primary" icon="Send" disabled=${!text.trim()} onClick=${go}>${action ?? t("send")}<//>${children}</div></form>`
}

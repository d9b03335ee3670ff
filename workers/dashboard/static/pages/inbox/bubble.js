// bubble.js: one message: who, what, when, what became of it, and what can be done with it.
import { html, useErrorBoundary, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { clock, full } from "../../lib/formats.js"
import { Problem } from "../../lib/problems.js"
import { person } from "../../lib/session.js"
import { Button } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { complain, say } from "../../ui/toasts.js"
import { openInfo } from "./info.js"
import { Content } from "./kinds.js"
import { drop, retry, send } from "./outbox.js"
import { straight } from "./rich.js"
import { reasonOf, specOf, statusWords, Ticks } from "./status.js"
import { nameOf } from "./team.js"
import { kindWords, t } from "./words.js"

const FREQUENT = ["👍", "🙏", "❤️", "😊", "😮", "✅"]

/** Whatever a message holds, it cannot take the page down with it. */
function Safe(props) {
  const [error] = useErrorBoundary()
  const { text, body, kind } = props.message
  if (!text && body && (kind === "template" || !Object.keys(body).length)) return html`<p class="soft gone">${t("erasedMessage")}</p>`
  return error ? html`<p class="soft gone">${t("kind_unknown")}</p>` : html`<${Content} ...${props} />`
}

const byWhom = ({ direction, origin, sender_id: sender }) =>
  direction === "inbound" ? null : origin === "person" ? (sender === person.value.id ? null : nameOf(sender)) : t(`origin_${origin}`)

export const Quote = ({ message, name, onClick }) => html`<button type="button" class="quote" onClick=${onClick}>
  <strong class="small clip">${message ? (message.direction === "inbound" ? name : nameOf(message.sender_id)) : t("earlier")}</strong>
  <span class="small clip" dir="auto">${message ? (message.revoked_at ? t("deleted") : straight(message.text) || kindWords(message.kind)) : t("earlierText")}</span></button>`

function Reactions({ message, onReact }) {
  const shown = Object.entries(message.reactions ?? {}).filter(([, { emoji }]) => emoji)
  if (!shown.length) return null
  return html`<div class="reactions">${shown.map(([who, { emoji, failed }]) => {
    const isOurs = who === "business"
    const label = t(isOurs ? (failed ? "reactionFailed" : "reactionOurs") : "reactionTheirs", { emoji })
    return isOurs ? html`<button type="button" class=${failed ? "failed" : ""} title=${label} aria-label=${label} onClick=${() => onReact(null)}>${emoji}</button>` : html`<span title=${label} role="img" aria-label=${label}>${emoji}</span>`
  })}</div>`
}

/** Why it did not arrive, with the way to send it again. */
function Failure({ message, thread }) {
  if (message.token) {
    if (message.status !== "refused") return null
    const { status, detail, given } = message.problem ?? {}
    return html`<div class="failure" role="alert"><span class="wrap">${t("refused")} ${new Problem({ status, detail, message: given }).words}</span>
      <div class="row breaks"><${Button} kind="quiet" icon="RefreshCw" onClick=${() => retry(message.token)}>${t("tryAgain")}<//><${Button} kind="quiet" icon="Trash2" onClick=${() => drop(message.token)}>${t("discard")}<//></div></div>`
  }
  if (message.needs_attention) {
    const decide = async (decision) => { await rpc("resolve_uncertain", { message_id: message.id, decision }); await thread.fetch([message.id]) }
    return html`<div class="failure"><span class="wrap">${t("uncertainText")}</span><div class="row breaks">
      <${Button} kind="quiet" icon="RefreshCw" onClick=${() => decide("resend")}>${t("resend")}<//><${Button} kind="quiet" onClick=${() => decide("give_up")}>${t("giveUp")}<//></div></div>`
  }
  if (message.status !== "failed") return message.status === "cancelled" && message.error_message ? html`<div class="failure"><span class="wrap">${message.error_message}</span></div>` : null
  const { words, remedy } = reasonOf(message)
  const spec = specOf(message, thread.state.value.files)
  return html`<div class="failure"><span class="wrap"><strong>${t("notDelivered")}</strong> ${words}</span>${remedy && html`<span class="small wrap">${remedy}</span>`}
    ${spec && html`<${Button} kind="quiet" icon="RefreshCw" onClick=${() => send(thread.id, spec, message.text)}>${t("sendAgain")}<//>`}</div>`
}

/** Dragged to the right by a finger, a bubble is answered, as people know it. */
function useSwipe(onSwipe) {
  const start = useRef(null)
  const [by, setBy] = useState(0)
  return {
    style: by ? { transform: `translateX(${by}px)` } : undefined,
    onTouchStart: ({ touches: [{ clientX: x, clientY: y }] }) => { start.current = { x, y } },
    onTouchMove: ({ touches: [{ clientX: x, clientY: y }] }) => {
      if (!start.current) return
      if (Math.abs(y - start.current.y) > 24) { start.current = null; setBy(0) } else setBy(Math.max(0, Math.min(72, x - start.current.x - 12)))
    },
    onTouchEnd: () => { if (by > 56) onSwipe(); start.current = null; setBy(0) },
    onTouchCancel: () => { start.current = null; setBy(0) },
  }
}

export function Bubble({ message, thread, isFirst, quoted, name, isMarked, isOpen, onReply, onView, onJump }) {
  const isOut = message.direction === "outbound"
  const canReply = Boolean(message.wamid) && !message.revoked_at
  const swipe = useSwipe(() => canReply && onReply(message))
  const react = async (emoji) => {
    const before = message.reactions
    thread.merge([{ ...message, reactions: { ...before, business: { emoji, at: Math.floor(Date.now() / 1000) } } }])
    try { await rpc("react", { conversation_id: thread.id, message_id: message.id, emoji }) } catch (error) {
      thread.merge([{ ...message, reactions: before }])
      complain(error)
    }
  }
  const items = [
    canReply && { label: t("reply"), icon: "Reply", run: () => onReply(message) },
    message.text && !message.revoked_at && { label: t("copy"), icon: "Copy", run: async () => { await navigator.clipboard.writeText(message.text); say(t("copied")) } },
    !message.token && { label: t("info"), icon: "Info", run: () => openInfo(message) },
  ]
  const who = byWhom(message)
  return html`<article class="bubble-row ${isOut ? "out" : "in"} ${isFirst ? "first" : ""} ${isMarked ? "marked" : ""}" data-message=${message.id} aria-label=${`${isOut ? nameOf(message.sender_id) : name}, ${clock(message.at)}`}>
    <div class="bubble ${message.kind === "sticker" ? "bare" : ""}" ...${swipe}>
      ${who && isFirst && html`<div class="who clip">${who}</div>`}
      ${message.context_wamid && html`<${Quote} message=${quoted} name=${name} onClick=${() => quoted && onJump(quoted.id)} />`}
      <${Safe} ...${{ message, thread, onView }} />
      <div class="meta">${message.edits && !message.revoked_at && html`<span>${t("edited")}</span>`}<time datetime=${message.at} title=${full(message.at)}>${clock(message.at)}</time>${isOut && html`<${Ticks} message=${message} />`}</div>
      ${!message.token && html`<${Menu} label=${t("actions")} items=${items} head=${isOpen && canReply && ((close) => html`<div class="emojis" role="group" aria-label=${t("react")}>${FREQUENT.map((emoji) => html`<button type="button" role="menuitem" aria-label=${t("reactWith", { emoji })} onClick=${() => { close(); react(emoji) }}>${emoji}</button>`)}</div>`)}
        trigger=${(props) => html`<button type="button" class="bubble-menu" aria-label=${t("actions")} title=${statusWords(message)} ...${props}><${Icon} name="ChevronDown" size=${16} /></button>`} />`}
      <${Reactions} message=${message} onReact=${react} />
    </div>
    <${Failure} message=${message} thread=${thread} />
  </article>`
}

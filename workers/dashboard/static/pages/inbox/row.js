// row.js: one conversation in the list: who, what was said last, when, what waits, who answers.
import { html } from "../../vendor/vendor.js"
import { brief, full } from "../../lib/formats.js"
import { person } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Icon } from "../../ui/icon.js"
import { filter, openId, titleOf } from "./cards.js"
import { drafts } from "./drafts.js"
import { outbox } from "./outbox.js"
import { straight } from "./rich.js"
import { labelOf, nameOf } from "./team.js"
import { t } from "./words.js"

const MOST = 99

/** New to me: a full badge. Read by a colleague, new to me: a pale one. Put back by somebody: a dot. */
function Unread({ card }) {
  if (card.needs_attention) return html`<span class="badge attention" role="img" aria-label=${t("needsAttention")} title=${t("needsAttention")}>!</span>`
  const mine = card.unread_by_me
  const isTeam = card.unread_count > 0
  if (!mine) return isTeam ? html`<span class="badge marked" role="img" aria-label=${t("markedUnread")} title=${t("markedUnread")}></span>` : null
  const label = t(isTeam ? "unreadMine" : "unreadOnlyMine", { n: mine })
  return html`<span class="badge ${isTeam ? "" : "pale"}" role="img" aria-label=${label} title=${label}>${mine > MOST - 1 ? `${MOST}+` : mine}</span>`
}

export function Row({ card }) {
  const name = titleOf(card)
  const draft = drafts.value[card.id]
  const written = draft && (draft.mode === "note" ? draft.note : draft.text)
  const waiting = outbox.value.find((item) => item.conversation_id === card.id)
  const isOpen = openId.value === card.id
  const isTimed = card.last_message_at !== "-infinity"
  return html`<a class="thread ${card.unread_count ? "unread" : ""}" href=${`/inbox/${card.id}${filter.value}`} aria-current=${isOpen ? "true" : undefined}>
    <${Avatar} name=${card.contact_name} id=${card.contact_id} windowEnds=${card.window_expires_at} />
    <span class="thread-text">
      <span class="row"><bdi class="thread-name clip grow">${name}</bdi>${isTimed && html`<time class="small soft" datetime=${card.last_message_at} title=${full(card.last_message_at)}>${brief(card.last_message_at)}</time>`}</span>
      <span class="row"><span class="clip grow thread-last" dir="auto">${waiting ? html`<${Icon} name=${waiting.state === "refused" ? "CircleAlert" : "Clock"} size=${14} className=${waiting.state === "refused" ? "danger" : ""} /> ${waiting.text}`
        : written && !isOpen ? html`<span class="draft">${t("draft")}</span> ${written.slice(0, 200)}` : straight(card.last_message_text) || t("noText")}</span>
        ${card.label_ids.slice(0, 3).map(labelOf).filter(Boolean).map(({ id, name: words, colour }) => html`<span key=${id} class="dot" role="img" aria-label=${words} title=${words} style=${{ background: colour }}></span>`)}
        ${card.assignee_id && card.assignee_id !== person.value.id && html`<span class="assignee" title=${t("answeredBy", { who: nameOf(card.assignee_id) })}><${Avatar} name=${nameOf(card.assignee_id, { you: false })} id=${card.assignee_id} isSmall /></span>`}
        <${Unread} card=${card} /></span>
    </span></a>`
}

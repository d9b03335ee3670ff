// items.js: what stands in the stream of a conversation, in order: days, messages, notes, events, words of consent, and what
// has not left yet.
import { day } from "../../lib/formats.js"
import { person } from "../../lib/session.js"

const NEAR = 5 * 60_000

/** An unsent message as a bubble shows it. */
export function local({ token, message, text, at, state, problem }) {
  const { kind = "text", media_id, caption, voice, filename } = message ?? {}
  const isFile = Boolean(media_id) && kind !== "template"
  return { id: token, at, text, kind, direction: "outbound", origin: "person", sender_id: person.value.id, status: state, problem, token, context_wamid: message?.context_wamid ?? null,
    body: isFile ? { [kind]: { caption, voice, filename } } : {}, media_id: isFile ? media_id : null }
}

/** state: of the thread; waiting: unsent items of the conversation; dividerId: the first message that is new to who looks. */
export function itemsOf(state, waiting, dividerId) {
  const from = state.hasOlder ? state.messages[0]?.at : ""
  const to = state.hasNewer ? state.messages.at(-1)?.at : "~"
  const inside = (at) => at >= from && at <= to
  const known = new Set(state.messages.map(({ client_token: token }) => token).filter(Boolean))
  const placed = [
    ...state.messages.map((message) => ({ at: message.at, key: `m${message.id}`, message })),
    ...state.notes.filter(({ at }) => inside(at)).map((note) => ({ at: note.at, key: `n${note.note_id}`, note })),
    ...state.events.filter(({ at }) => inside(at)).map((event) => ({ at: event.at, key: `e${event.event_id}`, event })),
    ...state.consents.filter(({ at }) => inside(at)).map((consent) => ({ at: consent.at, key: `c${consent.id}`, consent })),
  ].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
  const unsent = state.hasNewer ? [] : waiting.filter(({ token }) => !known.has(token))
    .map((item) => (item.note ? { at: item.at, key: item.token, note: { at: item.at, author_id: person.value.id, text: item.text, mentions: item.note.mentions, unsent: item } } : { at: item.at, key: item.token, message: local(item) }))

  const items = []
  let lastDay = null
  let before = null
  for (const item of [...placed, ...unsent]) {
    const date = new Date(item.at).toDateString()
    if (date !== lastDay) items.push({ key: `d${date}`, day: day(item.at) })
    const isDivided = item.message && item.message.id === dividerId
    if (isDivided) items.push({ key: "divider", divider: true })
    const { message } = item
    const joins = date === lastDay && !isDivided && message && before?.message && before.message.direction === message.direction
      && before.message.sender_id === message.sender_id && before.message.origin === message.origin && new Date(item.at) - new Date(before.at) < NEAR
    items.push({ ...item, isFirst: !joins })
    lastDay = date
    before = item
  }
  return items
}

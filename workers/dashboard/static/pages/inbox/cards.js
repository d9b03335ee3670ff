// cards.js: the list of conversations: pages by key, kept in order while cards change, only the changed ones asked for.
import { computed, effect, signal } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { onChanges } from "../../lib/live.js"
import { asProblem } from "../../lib/problems.js"
import { go, place as address } from "../../lib/router.js"
import { org, person } from "../../lib/session.js"
import { straight } from "./rich.js"
import { t } from "./words.js"

const PAGE = 50
const MOST = 200 // cards in one answer
export const VIEWS = ["all", "mine", "unassigned", "unread", "attention", "resolved"]
export const UUID = /^[0-9a-f-]{36}$/i

/** Every card that is known, by id. */
export const cards = signal({})
/** What the list shows: {view, label, ids, isDone, isLoading, problem}. */
export const list = signal({ view: "all", label: null, ids: [], isDone: false, isLoading: true, problem: null })
const written = ({ view, label, m }) => {
  const parts = Object.entries({ view: view !== "all" && view, label, m }).filter(([, value]) => value)
  return parts.length ? `?${new URLSearchParams(parts)}` : ""
}
/** What an address of the inbox ends with for the list to stay as it is: "?view=unread&label=…", or nothing. */
export const filter = computed(() => written(list.value))
/** The conversation that is open: it stays in the list though the filter would no longer let it in. */
export const openId = signal(null)
/** Where the list was scrolled to. */
export const memory = { top: 0 }

/** What a person is called in the inbox: their name, else their number. */
export const titleOf = (card) => straight(card.contact_name).trim() || phone(card.contact_phone) || t("somebody")

const argumentsOf = ({ view, label }) => ({
  status: view === "resolved" ? "resolved" : "open",
  assignee: { mine: "me", unassigned: "nobody" }[view] ?? "any",
  unread_only: view === "unread",
  attention_only: view === "attention",
  ...(label && { label_id: label }),
})

const fits = (card, { view, label }) =>
  (card.status === "resolved") === (view === "resolved")
  && (view !== "mine" || card.assignee_id === person.value.id)
  && (view !== "unassigned" || !card.assignee_id)
  && (view !== "unread" || card.unread_count > 0)
  && (view !== "attention" || card.needs_attention)
  && (!label || card.label_ids.includes(label))

const isBefore = (one, other) =>
  one.last_message_at > other.last_message_at || (one.last_message_at === other.last_message_at && one.id > other.id)

let turn = 0
let meanwhile = null // ids of cards that changed while the list is read, which may have been read before

/** Reads the cards that follow one, or as many from the top in place of what the list shows. */
async function read(after, count) {
  const mine = ++turn
  const asked = list.value
  const changed = meanwhile = new Set()
  list.value = { ...asked, isLoading: true, problem: null }
  try {
    const found = []
    while (found.length < count) {
      const last = found.at(-1) ?? after
      const size = Math.min(MOST, count - found.length)
      const part = await rpc("inbox", { ...argumentsOf(asked), page_size: size, ...(last && { before_at: last.last_message_at, before_id: last.id }) })
      if (mine !== turn) return
      found.push(...part)
      if (part.length < size) break
    }
    cards.value = { ...cards.value, ...Object.fromEntries(found.map((card) => [card.id, card])) }
    list.value = { ...list.value, ids: [...new Set([...(after ? list.value.ids : []), ...found.map(({ id }) => id)])], isDone: found.length < count, isLoading: false }
    meanwhile = null
    if (changed.size) fetchCards([...changed]).catch(() => again())
  } catch (error) {
    if (mine !== turn) return
    meanwhile = null
    list.value = { ...list.value, isLoading: false, problem: asProblem(error) }
  }
}

function show({ view, label }) {
  memory.top = 0
  list.value = { view, label, ids: [], isDone: false, isLoading: true, problem: null }
  return read(null, PAGE)
}

/** Goes to another part of the inbox; the same one again is read anew. */
export function choose(view, label = null) {
  if (written({ view, label }) === filter.value) show({ view, label })
  else go(address.value.path + written({ view, label, m: address.value.query.m }))
}

/** Reads the next page, when the end is near. */
export function more() {
  const { isDone, isLoading, problem, ids } = list.value
  if (!isDone && !isLoading && !problem && ids.length) read(cards.value[ids.at(-1)], 2 * PAGE)
}

/** Reads again what is loaded: who has scrolled far down stays there. */
export const again = () => read(null, Math.max(PAGE, list.value.ids.length))

/** Changes a card before the server has said so; gives a function that takes it back. */
export function patch(id, change) {
  const before = cards.value[id]
  if (!before) return () => {}
  place({ ...before, ...change })
  return () => {
    place(before)
    fetchCards([id]).catch(() => {}) // it may have changed since
  }
}

/** Puts a card where it belongs now. */
export function place(card) {
  meanwhile?.add(card.id)
  cards.value = { ...cards.value, [card.id]: card }
  const { ids: all, isDone } = list.value
  const ids = all.filter((id) => id !== card.id)
  const stays = fits(card, list.value) || (card.id === openId.value && ids.length < all.length)
  const last = cards.value[ids.at(-1)]
  if (stays && (isDone || !last || isBefore(card, last) || ids.length < all.length)) {
    const at = ids.findIndex((id) => isBefore(card, cards.value[id]))
    ids.splice(at < 0 ? ids.length : at, 0, card.id)
  }
  if (ids.length !== all.length || ids.some((id, at) => id !== all[at])) list.value = { ...list.value, ids }
}

function drop(gone) {
  if (!gone.size) return
  for (const id of gone) meanwhile?.add(id)
  list.value = { ...list.value, ids: list.value.ids.filter((id) => !gone.has(id)) }
}

/** Reads cards by id, whether or not they are in the list; those that are no more leave it. */
export async function fetchCards(ids) {
  for (let at = 0; at < ids.length; at += MOST) {
    const asked = ids.slice(at, at + MOST)
    const found = await rpc("cards", { ids: asked })
    const known = new Set(found.map(({ id }) => id))
    drop(new Set(asked.filter((id) => !known.has(id))))
    for (const card of found) place(card)
  }
}

let shownOrg
/** Shows what the address says; beside other pages the list stays as it was. */
function arrive(id, { path, query }) {
  const isNew = id !== shownOrg
  let asked = isNew ? { view: "all", label: null } : list.value
  if (/^\/inbox(\/|$)/.test(path)) asked = { view: VIEWS.includes(query.view) ? query.view : "all", label: UUID.test(query.label) ? query.label : null }
  // Another organization has labels of its own.
  if (isNew && shownOrg && asked.label) return go(path + written({ view: asked.view }), { replace: true })
  shownOrg = id
  if (isNew) cards.value = {}
  if (isNew || written(asked) !== filter.value) show(asked)
}
effect(() => {
  const id = org.value?.id
  const now = address.value
  if (id && person.value) queueMicrotask(() => arrive(id, now)) // not in the effect, which would follow all that is read there
})

onChanges(({ changes, reset }) => {
  if (reset) return void again()
  const gone = new Set(changes.filter(({ kinds }) => kinds.includes("gone")).map((change) => change.conversation_id))
  drop(gone)
  const ids = changes.map((change) => change.conversation_id).filter((id) => id && !gone.has(id))
  if (ids.length) fetchCards(ids).catch(() => again())
})

// thread.js: one conversation as it is known: messages by pages, what stands between them, and their files.
import { signal } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { onChanges } from "../../lib/live.js"
import { asProblem } from "../../lib/problems.js"
import { org } from "../../lib/session.js"

const PAGE = 30
const KEPT = 12 // threads that stay ready for the next look
const FILES = "id, message_id, direction, kind, mime_type, bytes, filename, path, meta_id, status, error, error_slug"
const threads = new Map()

/** Of two in a thread: which is first. The instants come in one form, so they are compared as they are. */
const order = (one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : one.id - other.id)

/** The ids under which Meta holds the files that an outbound message carries. */
function metaIds({ direction, body, kind }) {
  if (direction !== "outbound") return []
  const parts = [body[kind], body.interactive?.header, ...(body.template?.components?.flatMap(({ parameters }) => parameters ?? []) ?? [])]
  return parts.flatMap((part) => [part?.id, part?.image?.id, part?.video?.id, part?.document?.id]).filter((id) => typeof id === "string")
}
export const fileOf = (files, message) =>
  (message.media_id && files[message.media_id]) || files[`m${message.id}`] || metaIds(message).map((id) => files[`x${id}`]).find(Boolean)

class Thread {
  constructor(id) {
    this.id = id
    this.state = signal({ messages: null, notes: [], events: [], consents: [], files: {}, readers: [], hasOlder: false, hasNewer: false, isLoading: false, problem: null })
    this.org = org.value.id
    this.isStale = true
    this.around = null // the message around which it is read, while that is not joined to the newest
  }

  set(change) { this.state.value = { ...this.state.value, ...change } }

  /** Reads the newest page, or the one around a message. What is known already stays on the screen. */
  async load(around = null) {
    const mine = (this.turn = (this.turn ?? 0) + 1)
    this.around = around
    await this.extending // its page would not be in what is put together here
    this.set({ isLoading: true, problem: null })
    try {
      const found = await rpc("conversation_messages", { conversation_id: this.id, page_size: around ? 2 * PAGE : PAGE, ...(around && { around }) })
      if (around && !found.length && mine === this.turn) return this.load() // it is no more
      const messages = found.reverse()
      const known = this.state.value.messages
      // Older pages that were read stay, unless something may be missing between them and the newest page.
      const joins = known?.length && messages.length && !around && !this.state.value.hasNewer && order(known.at(-1), messages[0]) >= 0
      const kept = joins ? known.filter((message) => order(message, messages[0]) < 0) : []
      const hasOlder = kept.length ? this.state.value.hasOlder : around ? messages.length > 0 : found.length === PAGE
      const all = [...kept, ...messages]
      const beside = await this.beside(hasOlder ? all[0].at : null, null)
      if (mine !== this.turn) return
      this.isStale = false
      this.set({ messages: all, hasOlder, hasNewer: Boolean(around) && messages.length > 0, isLoading: false, ...beside })
      this.files(all)
    } catch (error) {
      if (mine === this.turn) this.set({ isLoading: false, problem: asProblem(error) })
    }
  }

  async beside(from, to) {
    const { notes, events, readers } = await rpc("conversation_timeline", { conversation_id: this.id, page_size: 200, after_at: from, before_at: to })
    return { notes, events, readers }
  }

  async older() {
    const { messages, isLoading, hasOlder, notes, events } = this.state.value
    if (isLoading || !hasOlder || !messages?.length) return
    await this.extend(async () => {
      const [first] = messages
      const found = await rpc("conversation_messages", { conversation_id: this.id, page_size: PAGE, before_at: first.at, before_id: first.id })
      const more = found.length === PAGE
      const beside = await this.beside(more ? found.at(-1).at : null, first.at)
      this.merge(found)
      this.set({ hasOlder: more, notes: [...notes, ...beside.notes], events: [...events, ...beside.events] })
    })
  }

  async newer() {
    const { messages, isLoading, hasNewer } = this.state.value
    if (isLoading || !hasNewer) return
    await this.extend(async () => {
      const last = messages.at(-1)
      const found = await rpc("conversation_messages", { conversation_id: this.id, page_size: PAGE, after_at: last.at, after_id: last.id })
      this.merge(found)
      if (found.length < PAGE) this.around = null
      this.set({ hasNewer: found.length === PAGE })
    })
  }

  extend(read) {
    this.set({ isLoading: true })
    this.extending = read().then(() => this.set({ isLoading: false }), (error) => this.set({ isLoading: false, problem: asProblem(error) }))
    return this.extending
  }

  /** Takes in messages, new ones and newer versions of known ones. */
  merge(found) {
    const all = new Map((this.state.value.messages ?? []).map((message) => [message.id, message]))
    for (const message of found) if (message.conversation_id === this.id) all.set(message.id, message)
    this.set({ messages: [...all.values()].sort(order) })
    this.files(found)
  }

  /** Reads messages by id; beyond a page around a search result only those that are known already. */
  async fetch(ids) {
    const known = new Set((this.state.value.messages ?? []).map(({ id }) => id))
    const wanted = this.state.value.hasNewer ? ids.filter((id) => known.has(id)) : ids
    if (wanted.length) this.merge(await rows("messages", (query) => query.select("*").in("id", wanted)))
  }

  /** Reads what is known of the files of messages, and again while one is on its way. */
  async files(messages) {
    const inbound = messages.filter(({ direction, kind }) => direction === "inbound" && ["image", "video", "audio", "document", "sticker"].includes(kind)).map(({ id }) => id)
    const metas = messages.flatMap(metaIds)
    const own = messages.map((message) => message.media_id).filter(Boolean)
    const asked = [inbound.length && ["message_id", inbound], metas.length && ["meta_id", metas], own.length && ["id", own]].filter(Boolean)
    if (!asked.length) return
    try {
      const found = (await Promise.all(asked.map(([column, ids]) => rows("media", (query) => query.select(FILES).in(column, ids))))).flat()
      this.set({ files: { ...this.state.value.files, ...Object.fromEntries(found.flatMap((file) => [[file.id, file], file.message_id && [`m${file.message_id}`, file], file.meta_id && [`x${file.meta_id}`, file]].filter(Boolean))) } })
    } catch { /* the bubble says that the file is not there yet */ }
    const waiting = messages.filter((message) => fileOf(this.state.value.files, message)?.status === "pending")
    clearTimeout(this.timer)
    if (waiting.length && threads.get(this.id) === this) this.timer = setTimeout(() => this.files(waiting), 2500)
  }

  async changed({ kinds, message_ids: ids }) {
    if (this.state.value.messages === null) return
    if (kinds.some((kind) => kind === "added" || kind === "changed")) await (ids ? this.fetch(ids) : this.load(this.around))
    if (kinds.some((kind) => kind === "note" || kind === "event")) {
      const { hasOlder, messages } = this.state.value
      this.set(await this.beside(hasOlder ? messages[0].at : null, null))
    }
  }
}

/** The thread of a conversation; read it with load() when isStale. */
export function threadOf(id) {
  const known = threads.get(id)
  const found = known?.org === org.value.id ? known : new Thread(id)
  threads.delete(id)
  threads.set(id, found)
  for (const [old] of threads) if (threads.size > KEPT) threads.delete(old)
  return found
}

onChanges(({ changes, reset }) => {
  const newest = [...threads.keys()].at(-1)
  for (const [id, thread] of threads) {
    const change = changes.find((each) => each.conversation_id === id)
    if (!reset && !change) continue
    if (id !== newest) thread.isStale = true
    else if (reset) thread.load(thread.around)
    else thread.changed(change).catch(() => { thread.isStale = true })
  }
})

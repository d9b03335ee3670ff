// conversation.js: one conversation: header, stream, composer; read when it is seen, live while it is open.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Empty, lazy, Skeleton } from "../../ui/basics.js"
import { cards, fetchCards, filter, patch, titleOf } from "./cards.js"
import { Composer } from "./composer.js"
import { keep } from "./drafts.js"
import { Header } from "./header.js"
import { Person } from "./person.js"
import { Stream } from "./stream.js"
import { threadOf } from "./thread.js"
import { t } from "./words.js"

const Erasure = lazy(() => import("../lead/erasing.js"))
const isSeen = () => !document.hidden

export function Conversation({ id, target }) {
  const card = cards.value[id]
  const [problem, setProblem] = useState(null)
  const known = Boolean(card)
  useEffect(() => {
    setProblem(null)
    if (!known) fetchCards([id]).then(() => { if (!cards.value[id]) setProblem({ words: t("unknownConversation") }) }, (error) => setProblem(asProblem(error)))
  }, [id, known])
  if (problem) return html`<section class="conversation"><${Empty} icon="CircleHelp" title=${problem.words} action=${html`<a class="button" href=${`/inbox${filter.value}`}>${t("toList")}</a>`} /></section>`
  if (!card) return html`<section class="conversation" aria-busy="true"><div class="stream-skeleton"><${Skeleton} lines=${6} height=${44} /></div></section>`
  return html`<${Open} key=${id} card=${card} target=${target} />`
}

export const contactQuery = (id) => [`contact:${id}`, async () => {
  const [[contact], consents] = await Promise.all([
    rows("contacts", (query) => query.select("id, name, phone, phone_given, email, company, address, city, state, pincode, wa_id, user_id, username, opted_out_at, erase_at, erased_at, created_at").eq("id", id)),
    rows("consent_events", (query) => query.select("id, at, decision, source, evidence").eq("contact_id", id).order("at", { ascending: false }).limit(50)),
  ])
  return { ...contact, consents }
}]
export const leadsQuery = (id) => [`contact-leads:${id}`, () => rows("leads", (query) => query.select("id, title, product, message, stage_id, version, owner_id, value, currency, received_at, source_kind").eq("contact_id", id).order("received_at", { ascending: false }).limit(20))]

function Open({ card, target }) {
  const thread = threadOf(card.id)
  const state = thread.state.value
  const [isPersonOpen, setPersonOpen] = useState(false)
  const [isAtBottom, setAtBottom] = useState(true)
  const [dividerId, setDividerId] = useState(null)
  const [isVisible, setVisible] = useState(isSeen())
  const contact = useQuery(...contactQuery(card.contact_id))
  const leads = useQuery(...leadsQuery(card.contact_id))

  useEffect(() => {
    const look = () => setVisible(isSeen())
    document.addEventListener("visibilitychange", look)
    return () => document.removeEventListener("visibilitychange", look)
  }, [])
  useEffect(() => {
    const isThere = thread.state.value.messages?.some((message) => message.id === target)
    if (target ? !isThere : thread.isStale || thread.state.value.hasNewer) thread.load(target)
  }, [target])
  useEffect(() => { if (contact.data) thread.set({ consents: contact.data.consents }) }, [contact.data])

  useEffect(() => { if (contact.data) refresh(`contact:${card.contact_id}`) }, [card.last_message_at]) // "stop" may have been said

  const spent = useRef()
  useEffect(() => { // a delivery may have been priced
    spent.current = setTimeout(() => refresh(`spent:${card.id}`), 1000)
    return () => clearTimeout(spent.current)
  }, [state.messages])

  // What is new is marked once, before it counts as read; then it is read by who looks at it.
  const isReady = state.messages !== null && !state.isLoading
  useEffect(() => {
    if (!may("agent") || !isReady || !isVisible || state.hasNewer || !(card.unread_by_me || card.unread_count)) return
    if (!isAtBottom && dividerId) return
    const inbound = state.messages.filter(({ direction }) => direction === "inbound")
    if (!dividerId && card.unread_by_me) setDividerId(inbound.at(-Math.min(card.unread_by_me, inbound.length))?.id ?? null)
    patch(card.id, { unread_by_me: 0, unread_count: 0 })
    rpc("mark_read", { conversation_id: card.id }).catch(() => fetchCards([card.id]).catch(() => {}))
  }, [isReady, isVisible, isAtBottom, card.unread_by_me, card.unread_count])
  useEffect(() => { if (!isVisible) setDividerId(null) }, [isVisible])

  const name = titleOf(card)
  const isOpen = Boolean(card.window_expires_at) && new Date(card.window_expires_at) > Date.now()
  return html`<section class="conversation" aria-label=${t("conversationWith", { name })}>
      <${Header} card=${card} isPersonOpen=${isPersonOpen} onPerson=${() => setPersonOpen(!isPersonOpen)} />
      ${(contact.data?.erase_at || contact.data?.erased_at) && html`<div class="erasure-top"><${Erasure} contact=${contact.data} /></div>`}
      <${Stream} ...${{ thread, name, dividerId, target, isOpen }} onBottom=${setAtBottom} onReply=${(message) => keep(card.id, { answers: message.wamid, mode: "text" })} />
      ${may("agent") && !contact.data?.erased_at && !contact.data?.erase_at && html`<${Composer} card=${card} contact=${contact.data} lead=${leads.data?.[0]} thread=${thread} />`}
    </section>
    <aside class="person ${isPersonOpen ? "open" : ""}" aria-label=${t("person")}>
      <${Person} ...${{ card, contact, leads }} onClose=${() => setPersonOpen(false)} /></aside>
    ${isPersonOpen && html`<div class="person-veil" onClick=${() => setPersonOpen(false)}></div>`}`
}

export const Nothing = () => html`<section class="conversation nothing"><${Empty} icon="MessagesSquare" title=${t("choose")}>${t("chooseText")}<//></section>`

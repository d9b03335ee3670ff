// one.js: one ticket, as its organization sees it: what was written, and whether support may look.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { may, org, person } from "../../lib/session.js"
import { Button, Empty, Field, IconButton, Loaded, Notice, Select } from "../../ui/basics.js"
import { count } from "../../ui/bell.js"
import { say } from "../../ui/toasts.js"
import { Shown as Diagnostics } from "./diagnostics.js"
import { Messages, State, Writing } from "./parts.js"
import { t } from "./words.js"

const EVERY = 5000
const HOURS = [1, 4, 24, 72]
const isOver = (state) => state === "solved" || state === "closed"

/** Reads a ticket again while it is looked at; read(before): gives {messages, next, …}. */
export function useTicket(key, read) {
  const found = useQuery(key, () => read(null))
  const [older, setOlder] = useState([])
  const [next, setNext] = useState(undefined)
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) refresh(key) }, EVERY)
    return () => clearInterval(timer)
  }, [key])
  const before = next === undefined ? found.data?.next : next
  const more = before && (async () => {
    const page = await read(before)
    setOlder((now) => [...page.messages, ...now])
    setNext(page.next)
  })
  const known = new Set(older.map(({ id }) => id))
  return { found, more, messages: [...older, ...(found.data?.messages ?? []).filter(({ id }) => !known.has(id))], again: () => refresh(key) }
}

function Access({ ticket, again }) {
  const [hours, setHours] = useState(4)
  const { access, access_asked_at: asked } = ticket
  if (access?.is_open) return html`<${Notice}>${t("isIn", { time: moment(access.expires_at) })} <a href="/trust">${t("trust")}</a><//>`
  if (!asked) return null
  const letIn = async () => {
    await rpc("grant_ticket_access", { ticket_id: ticket.id, hours })
    say(t("granted"))
    refresh("support ")
    again()
  }
  return html`<${Notice} kind="warn"><div class="stack tight"><p>${access ? t("wasIn", { time: moment(access.ended_at ?? access.expires_at) }) : t("asks")}</p>
    ${may("owner") ? html`<${Field} label=${t("hours")}>${(props) => html`<${Select} ...${props} value=${hours} options=${HOURS.map((n) => [n, t("hoursOf", { n })])} onChange=${(event) => setHours(Number(event.target.value))} />`}<//>
      <div><${Button} icon="Eye" onClick=${letIn}>${t("letIn")}<//></div>` : html`<p>${t("asksOwner")}</p>`}</div><//>`
}

export default function Ticket({ params: { id } }) {
  const { found, messages, more, again } = useTicket(`ticket ${org.value.id} ${id}`, (before) => rpc("read_ticket", { ticket_id: id, before_id: before }))
  const isGone = [400, 404].includes(found.problem?.status)
  useEffect(() => { if (found.data) count() }, [found.data?.messages.length])
  const nameOf = (message) => (message.side === "staff" ? t("support") : message.name === person.value.name ? t("you") : message.name ?? t("former"))
  const send = async (body) => { await rpc("reply_ticket", { ticket_id: id, body }); again() }
  const solve = async () => { await rpc("solve_ticket", { ticket_id: id }); say(t("isSolved")); again() }
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => go("/help")} /><h1 class="clip"><bdi>${found.data?.subject ?? t("title")}</bdi></h1>${found.data && html`<${State} state=${found.data.state} />`}</header>
    ${isGone ? html`<${Empty} icon="CircleHelp" title=${t("gone")} action=${html`<a class="button" href="/help">${t("title")}</a>`}>${t("goneText")}<//>`
      : html`<div class="body" tabindex="0" role="region" aria-label=${t("conversation")}><div class="narrow stack"><${Loaded} query=${found} retry=${again} lines=${6} height=${48}>${(ticket) => html`
        <p class="soft small wrap">${ticket.reference} · ${t(ticket.category)} · ${t(ticket.urgency)}</p>
        <${Access} ticket=${ticket} again=${again} />
        ${more && html`<div class="row center"><${Button} kind="quiet" onClick=${more}>${t("older")}<//></div>`}
        <${Messages} messages=${messages} nameOf=${nameOf} />
        ${isOver(ticket.state) && html`<${Notice} kind="good">${t("solvedText")}<//>`}
        <${Writing} label=${t(isOver(ticket.state) ? "again" : "answer")} send=${send}>${!isOver(ticket.state) && html`<${Button} icon="Check" onClick=${solve}>${t("solved")}<//>`}<//>
        ${Object.keys(ticket.diagnostics).length > 0 && html`<details><summary>${t("diagnostics")}</summary><${Diagnostics} diagnostics=${ticket.diagnostics} /></details>`}`}<//></div></div>`}`
}

// support-ticket.js: one ticket as Flow's people see it: answer, note, who answers, how urgent, and asking to be let in.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { duration, moment } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { Button, Field, IconButton, Loaded, Notice, Select } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { Shown as Diagnostics } from "../help/diagnostics.js"
import { useTicket } from "../help/one.js"
import { Messages, State, Writing } from "../help/parts.js"
import { t as of } from "../help/words.js"
import { t } from "./support-words.js"

const URGENCIES = ["low", "normal", "high", "urgent"]
const between = (from, to) => {
  const ms = new Date(to) - new Date(from)
  return !to ? t("notYet") : ms < 60_000 ? t("atOnce") : t("after", { time: duration(ms) })
}

const Facts = ({ ticket }) => html`<dl class="facts">
  <div><dt>${t("person")}</dt><dd>${ticket.person ? html`<bdi>${ticket.person.name ?? ""}</bdi> <bdi class="soft">${ticket.person.email}</bdi>` : t("gone")}</dd></div>
  ${ticket.organization && html`<div><dt>${t("organization")}</dt><dd><bdi>${ticket.organization}</bdi></dd></div>`}
  ${ticket.person?.business && html`<div><dt>${t("business")}</dt><dd><bdi>${ticket.person.business}</bdi></dd></div>`}
  <div><dt>${t("received")}</dt><dd>${moment(ticket.created_at)}</dd></div>
  <div><dt>${t("firstAnswer")}</dt><dd>${between(ticket.created_at, ticket.first_answer_at)}</dd></div>
  <div><dt>${t("solveTime")}</dt><dd>${between(ticket.created_at, ticket.solved_at)}</dd></div></dl>`

function Access({ ticket, again }) {
  if (ticket.is_public) return null
  if (ticket.access?.is_open) return html`<${Notice}>${t("isIn", { time: moment(ticket.access.expires_at) })} <a href="/support">${t("look")}</a><//>`
  const ask = async () => {
    await rpcAlone("ask_ticket_access", { ticket_id: ticket.id })
    say(t("asking"))
    again()
  }
  return html`<div class="row breaks"><${Button} icon="Eye" onClick=${ask}>${t("ask")}<//>${ticket.access_asked_at && html`<span class="soft small">${t("asked", { time: moment(ticket.access_asked_at) })}</span>`}</div>`
}

export function Ticket({ id }) {
  const { found, messages, more, again } = useTicket(`support ticket ${id}`, (before) => rpcAlone("support_ticket", { ticket_id: id, before_id: before }))
  const change = async (changes) => {
    await rpcAlone("change_ticket", { ticket_id: id, changes })
    refresh("support overdue")
    again()
  }
  const write = (isInternal) => async (body) => {
    await rpcAlone("answer_ticket", { ticket_id: id, body, is_internal: isInternal })
    again()
  }
  return html`<${Loaded} query=${found} retry=${again} lines=${8} height=${40}>${(ticket) => {
    const nameOf = (message) => message.name ?? (message.side === "staff" ? of("support") : ticket.person?.name ?? t("person"))
    const isOver = ticket.state === "solved" || ticket.state === "closed"
    return html`<div class="row breaks"><${IconButton} icon="ArrowLeft" label=${of("back")} onClick=${() => go("/operations/support")} /><h2 class="wrap grow">${ticket.is_public ? t(ticket.category) : ticket.subject}</h2><span class="soft">${ticket.reference}</span><${State} state=${ticket.state} /></div>
      ${ticket.due_at && !isOver && html`<${Notice} kind=${ticket.is_overdue ? "bad" : "info"}>${t(ticket.is_overdue ? "late" : "due", { time: moment(ticket.due_at) })}<//>`}
      ${ticket.state === "unconfirmed" && html`<${Notice} kind="warn">${t("unconfirmedText")}<//>`}
      <${Facts} ticket=${ticket} />
      <div class="ticket-tools"><${Field} label=${t("assignee")}>${(props) => html`<${Select} ...${props} value=${ticket.assignee_id ?? ""} options=${[["", t("nobody")], ...ticket.staff.map((one) => [one.id, one.name])]} onChange=${(event) => change({ assignee_id: event.target.value || null })} />`}<//>
        <${Field} label=${t("urgency")}>${(props) => html`<${Select} ...${props} value=${ticket.urgency} options=${URGENCIES.map((key) => [key, of(key)])} onChange=${(event) => change({ urgency: event.target.value })} />`}<//></div>
      <${Access} ticket=${ticket} again=${again} />
      ${more && html`<div class="row center"><${Button} kind="quiet" onClick=${more}>${t("older")}<//></div>`}
      <${Messages} messages=${messages} nameOf=${nameOf} internal=${t("internal")} />
      ${ticket.state !== "unconfirmed" && html`<${Writing} label=${t("answerTo", { name: ticket.person?.name ?? t("person") })} action=${t("answer")} send=${write(false)}>
        ${isOver ? html`<${Button} icon="RotateCcw" onClick=${() => change({ state: "waiting_for_us" })}>${t("reopen")}<//>`
          : html`<${Button} icon="Check" onClick=${() => change({ state: "solved" })}>${t("solve")}<//><${Button} onClick=${() => change({ state: "closed" })}>${t("close")}<//>`}<//>`}
      <details><summary>${t("note")}</summary><${Writing} label=${t("note")} action=${t("keepNote")} send=${write(true)} /></details>
      ${Object.keys(ticket.diagnostics).length > 0 && html`<details><summary>${of("diagnostics")}</summary><${Diagnostics} diagnostics=${ticket.diagnostics} /></details>`}`
  }}<//>`
}

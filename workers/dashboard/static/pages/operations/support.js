// support.js: tickets and inquiries that wait for Flow's people, and one of them.
import { html, useEffect } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { brief, full, moment } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { useQuery } from "../../lib/queries.js"
import { go, place } from "../../lib/router.js"
import { Button, Chip, Empty, Notice, Select, Skeleton } from "../../ui/basics.js"
import { State } from "../help/parts.js"
import { t as of } from "../help/words.js"
import { Ticket } from "./support-ticket.js"
import { t } from "./support-words.js"

const LISTS = ["waiting", "mine", "unassigned", "inquiries", "overdue", "unconfirmed", "settled"]
const address = (query) => `/operations/support?${new URLSearchParams(query)}`

export default function Support() {
  const { ticket, list, sort } = place.value.query
  return ticket ? html`<${Ticket} key=${ticket} id=${ticket} />` : html`<${Queue} list=${LISTS.includes(list) ? list : "waiting"} sort=${sort === "age" ? "age" : "urgency"} />`
}

function Queue({ list, sort }) {
  const found = usePages(`support ${list} ${sort}`, (next) => rpcAlone("support_queue", { listed: list, sort, ...(next ?? {}) }))
  const overdue = useQuery("support overdue", () => rpcAlone("support_queue", { listed: "overdue" })).data?.overdue
  useEffect(() => { found.again() }, [list, sort])
  return html`${overdue > 0 && list !== "overdue" && html`<${Notice} kind="bad"><a href=${address({ list: "overdue" })}>${t("lateOnes", { n: overdue })}</a><//>`}
    <nav class="row breaks" aria-label=${t("lists")}>${LISTS.map((key) => html`<button type="button" class="chip" aria-pressed=${key === list} onClick=${() => go(address({ list: key, sort }), { replace: true })}>${t(key)}</button>`)}
      <span class="grow"></span><div><${Select} aria-label=${t("sort")} value=${sort} options=${[["urgency", t("byUrgency")], ["age", t("byAge")]]} onChange=${(event) => go(address({ list, sort: event.target.value }), { replace: true })} /></div></nav>
    ${found.problem && !found.items.length ? html`<${Empty} icon="CircleAlert" title=${found.problem.words} />`
      : found.isFresh ? html`<${Skeleton} lines=${5} height=${56} />`
      : !found.items.length ? html`<${Empty} icon="CircleCheck" title=${t("none")}>${t("noneText")}<//>`
      : html`<ul class="list card ticket-list">${found.items.map((ticket) => html`<li key=${ticket.id}><${Line} ticket=${ticket} /></li>`)}</ul>
        ${!found.isEnd && html`<div class="row center"><${Button} kind="quiet" busy=${found.isLoading} onClick=${found.more}>${t("older")}<//></div>`}`}`
}

const Line = ({ ticket }) => html`<a class="ticket-row" href=${address({ ticket: ticket.id })}>
  <span class="grow stack tight"><strong class="wrap">${ticket.is_public ? t(ticket.category) : ticket.subject}</strong>
    <span class="soft small wrap">${ticket.reference} · ${ticket.is_public ? t("outside") : html`<bdi>${ticket.organization}</bdi>`}${ticket.assignee && ` · ${t("for", { name: ticket.assignee })}`}${!ticket.is_confirmed && ` · ${t("noAddress")}`}</span>
    ${["high", "urgent"].includes(ticket.urgency) && html`<span><${Chip} kind="bad">${of(ticket.urgency)}<//></span>`}</span>
  <span class="ticket-side"><${State} state=${ticket.state} />
    ${ticket.due_at && !ticket.solved_at ? html`<span class="small ${ticket.is_overdue ? "ticket-late" : "soft"}" title=${full(ticket.due_at)}>${t(ticket.is_overdue ? "late" : "due", { time: brief(ticket.due_at) })}</span>`
      : html`<time class="small soft" datetime=${ticket.changed_at} title=${moment(ticket.changed_at)}>${brief(ticket.changed_at)}</time>`}</span></a>`

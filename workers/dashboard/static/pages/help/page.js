// page.js: tickets to Flow's support: one's own, or, for administrators, all of the organization.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief, full } from "../../lib/formats.js"
import { useMembers } from "../../lib/members.js"
import { usePages } from "../../lib/paged.js"
import { person } from "../../lib/session.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { State } from "./parts.js"
import { t } from "./words.js"

const New = () => html`<a class="button primary" href="/help/new"><${Icon} name="Plus" size=${16} />${t("newTicket")}</a>`

export default function Help() {
  const list = usePages("tickets", (before) => rpc("my_tickets", { before_id: before }))
  const members = useMembers().data ?? []
  const nameOf = (id) => members.find((member) => member.id === id)?.name ?? t("former")
  return html`<header class="top"><h1>${t("title")}</h1><${New} /></header><div class="body" tabindex="0"><div class="narrow stack">
    <p class="soft">${t("text")}</p>
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("again")}<//>`} />`
      : list.isFresh ? html`<${Skeleton} lines=${4} height=${56} />`
      : !list.items.length ? html`<${Empty} icon="CircleHelp" title=${t("none")} action=${html`<${New} />`}>${t("noneText")}<//>`
      : html`<ul class="list card ticket-list">${list.items.map((ticket) => html`<li key=${ticket.id}><a class="ticket-row" href="/help/${ticket.id}">
          <span class="grow stack tight"><strong class="wrap">${ticket.subject}</strong><span class="soft small wrap">${ticket.reference} · ${t(ticket.category)}${ticket.opened_by !== person.value.id && ` · ${t("opened", { name: nameOf(ticket.opened_by) })}`}</span></span>
          <span class="ticket-side"><${State} state=${ticket.state} /><time class="small soft" datetime=${ticket.changed_at} title=${full(ticket.changed_at)}>${brief(ticket.changed_at)}</time></span>
          ${ticket.is_unread && html`<span class="dot unread-dot" role="img" aria-label=${t("unread")}></span>`}</a></li>`)}</ul>
        ${!list.isEnd && html`<div class="row center"><${Button} kind="quiet" busy=${list.isLoading} onClick=${list.problem ? list.again : list.more}>${t("older")}<//></div>`}`}
  </div></div>`
}

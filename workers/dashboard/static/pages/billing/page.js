// page.js: the plan, what it has room for, what is paid and to be paid, and the invoices.
import { html, useEffect } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Empty, Loaded, Notice } from "../../ui/basics.js"
import { Account } from "./account.js"
import { Invoices } from "./invoices.js"
import { paise } from "./parts.js"
import { Plans } from "./plans.js"
import { Rooms } from "./rooms.js"
import { Standing } from "./standing.js"
import { Wallet } from "./wallet.js"
import { t } from "./words.js"

/** What members see who may not pay. */
function Members() {
  const key = `billing rooms ${org.value.id}`
  const query = useQuery(key, () => rpc("entitlements"))
  return html`<section class="card stack"><div class="stack tight"><h2>${t("askOwner")}</h2><p class="soft">${t("askOwnerText")}</p></div>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${3} height=${32}>${(rooms) => html`<${Rooms} rooms=${rooms} />`}<//></section>`
}

const FINAL = ["cancelled", "ended", "incomplete_expired"]
const isUnderWay = ({ kind, status }) => status === "open" && kind !== "payment_link"

function Owners() {
  const key = `billing ${org.value.id}`
  const read = async () => {
    const [state, offered, rooms] = await Promise.all([rpc("billing_state"), rpc("list_plans"), rpc("entitlements")])
    return { state, plans: offered.plans, rooms }
  }
  const query = useQuery(key, read)
  const again = () => refresh("billing")
  const isMoving = Boolean(query.data?.state.intents.some(isUnderWay))
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) again() }, isMoving ? 2000 : 60_000)
    return () => clearInterval(timer)
  }, [isMoving, key])
  return html`<${Loaded} query=${query} retry=${again} lines=${6} height=${56}>${({ state, plans, rooms }) => {
    if (!plans.length && !state.subscription && !state.invoices) return html`<${Empty} icon="Sparkles" title=${t("empty")}>${t("emptyText")}<//>`
    const current = state.subscription && !FINAL.includes(state.subscription.status) ? state.subscription : null
    return html`
      ${!state.is_configured && html`<${Notice}>${t("notSetUp")}<//>`}
      <${Standing} state=${state} current=${current} rooms=${rooms} again=${again} />
      <${Unpaid} invoices=${state.unpaid} />
      <${Plans} state=${state} current=${current} plans=${plans} again=${again} />
      <div class="usage-grid"><${Account} account=${state.account} again=${again} /><${Wallet} state=${state} again=${again} /></div>
      <${Invoices} many=${state.invoices} />`
  }}<//>`
}

const Unpaid = ({ invoices }) => invoices.length > 0 && html`<section class="card stack tight"><h2>${t("unpaid")}</h2><ul class="list">
  ${invoices.map((one) => html`<li class="billing-line" key=${one.number}><span class="grow numbers">${one.number}</span><strong class="numbers">${paise(one.total)}</strong>
    ${one.short_url && html`<a class="button primary" href=${one.short_url} target="_blank" rel="noreferrer">${t("payInvoice")}</a>`}</li>`)}</ul></section>`

export default function Billing() {
  return html`<header class="top"><h1>${t("title")}</h1></header>
    <div class="body"><div class="broad stack">${may("owner") ? html`<${Owners} key=${org.value.id} />` : html`<${Members} key=${org.value.id} />`}</div></div>`
}

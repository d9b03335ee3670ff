// page.js: IndiaMART: what was fetched, what is missing, by which way enquiries came, and every call.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Empty, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Arrivals } from "./arrivals.js"
import { Calendar } from "./calendar.js"
import { Log } from "./log.js"
import { Overview } from "./overview.js"
import { t } from "./words.js"

const PARTS = { overview: Overview, calendar: Calendar, arrivals: Arrivals, log: Log }
/** Parts that are one long list have the rest of the page for it. */
const LISTS = ["arrivals", "log"]

export default function Coverage({ query }) {
  const part = PARTS[query.part] ? query.part : "overview"
  const Shown = PARTS[part]
  const key = `indiamart-status ${org.value.id}`
  const status = useQuery(key, () => rpc("indiamart_status"))
  const head = html`<header class="top"><a class="icon-button" href="/settings/indiamart" aria-label=${t("back")}><${Icon} name="ArrowLeft" /></a><h1 class="clip">${t("title")}</h1></header>`
  if (status.problem?.detail === "source_not_found") return html`${head}<${Empty} icon="Store" title=${t("none")} action=${html`<a class="button primary" href="/settings/indiamart">${t("connect")}</a>`}>${t("noneText")}<//>`
  const shown = html`<${Loaded} query=${status} retry=${() => refresh(key)} lines=${8} height=${40}>${(found) => html`<${Shown} status=${found} />`}<//>`
  return html`${head}
    <nav class="tabs" aria-label=${t("title")}>${Object.keys(PARTS).map((name) => html`<a href="/settings/indiamart/coverage?part=${name}" aria-current=${name === part ? "page" : undefined}>${t(`tab_${name}`)}</a>`)}</nav>
    ${LISTS.includes(part) ? html`<div class="coverage-whole">${shown}</div>` : html`<div class="body"><div class=${part === "calendar" ? "broad stack" : "narrow stack"}>${shown}</div></div>`}`
}

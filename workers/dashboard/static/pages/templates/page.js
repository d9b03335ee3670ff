// page.js: the templates: a list and one beside it; on a phone one after the other. Making and changing one takes the page.
import { html, useState } from "../../vendor/vendor.js"
import { post } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { go, place } from "../../lib/router.js"
import { may, org } from "../../lib/session.js"
import { Button, Empty, IconButton, Notice } from "../../ui/basics.js"
import { complain, say } from "../../ui/toasts.js"
import { CampaignsHead } from "../campaigns/tabs.js"
import { Editor } from "./editor.js"
import { List, useTemplates } from "./list.js"
import { One } from "./one.js"
import { priceOf, usePrices } from "./prices.js"
import { categoryName, t } from "./words.js"

function Prices() {
  const prices = usePrices()
  return html`<div class="template-one nothing"><${Empty} icon="FileText" title=${t("choose")}>${t("chooseText")}
    <dl class="price-list">${["UTILITY", "MARKETING", "AUTHENTICATION"].map((category) => html`<div key=${category}><dt>${categoryName(category)}</dt><dd class="numbers">${prices ? priceOf(prices, category) ?? t("noPrice") : "…"}</dd></div>`)}</dl><//></div>`
}

function Read({ accounts }) {
  const problem = accounts.find((account) => account.problem)
  if (problem) return html`<${Notice} kind="warn"><p class="wrap">${t("readProblem", { problem: problem.problem })}</p><//>`
  const at = accounts.map((account) => account.read_at).filter(Boolean).sort()[0]
  return html`<p class="small soft">${at ? t("readAt", { time: moment(at) }) : t("neverRead")}</p>`
}

function Browse({ id }) {
  const [filter, setFilter] = useState({})
  const { list, about } = useTemplates(filter)
  const sync = async () => {
    const { templates } = await post("templates/sync")
    list.again()
    if (id) refresh(`template ${org.value.id} ${id}`)
    say(t("synced", { n: templates }))
  }
  const isConnected = !about || about.accounts.length > 0
  const isReady = may("admin") && isConnected
  const [isReading, setReading] = useState(false)
  const read = () => { setReading(true); return sync().catch(complain).finally(() => setReading(false)) }
  return html`<${CampaignsHead}>
      ${isReady && html`<${IconButton} icon=${isReading ? "LoaderCircle" : "RefreshCw"} label=${t("sync")} disabled=${isReading} aria-busy=${isReading} onClick=${read} />
        <${Button} kind="primary" icon="Plus" onClick=${() => go("/templates/new")}>${t("new")}<//>`}<//>
    ${!isConnected && !list.items.length ? html`<${Empty} icon="MessageCircle" title=${t("unconnectedTitle")} action=${may("admin") ? html`<${Button} kind="primary" onClick=${() => go("/settings/whatsapp")}>${t("connect")}<//>` : html`<p>${t("adminsConnect")}</p>`}>${t("unconnectedText")}<//>`
      : html`<div class="templates-page ${id ? "with-one" : ""}">
          <div class="template-side"><${List} ...${{ list, about, filter, setFilter, openId: id }} />${about && html`<div class="template-read"><${Read} accounts=${about.accounts} /></div>`}</div>
          ${id ? html`<${One} key=${id} id=${id} onChanged=${list.again} />` : html`<${Prices} />`}</div>`}`
}

const UUID = /^[0-9a-f-]{36}$/i
const NOBODY = "00000000-0000-0000-0000-000000000000"

export default function Templates({ params, query }) {
  const id = params.id && (UUID.test(params.id) ? params.id : NOBODY)
  const { path } = place.value
  if (may("admin") && (path === "/templates/new" || path.endsWith("/edit"))) {
    return html`<${Editor} key=${`${id ?? ""} ${query.from ?? ""}`} id=${id} from=${UUID.test(query.from ?? "") ? query.from : undefined} />`
  }
  return html`<${Browse} id=${id} />`
}

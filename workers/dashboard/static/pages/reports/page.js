// page.js: what became of leads, how they pass the stages, how fast they are answered, and what sources bring.
import { html } from "../../vendor/vendor.js"
import { Funnel } from "./funnel.js"
import { Leads } from "./leads.js"
import { Period, periodOf } from "./period.js"
import { Returns } from "./returns.js"
import { Speed } from "./speed.js"
import { t } from "./words.js"

const TABS = { leads: Leads, funnel: Funnel, speed: Speed, returns: Returns }

export default function Reports({ query }) {
  const tab = TABS[query.tab] ? query.tab : "leads"
  const Shown = TABS[tab]
  const period = periodOf(query)
  const address = (name) => `/reports?${new URLSearchParams({ ...query, tab: name })}`
  return html`<header class="top"><h1>${t("title")}</h1></header>
    <nav class="tabs" aria-label=${t("title")}>${Object.keys(TABS).map((name) => html`<a href=${address(name)} aria-current=${name === tab ? "page" : undefined}>${t(`tab_${name}`)}</a>`)}</nav>
    <div class="body"><div class="broad stack"><${Period} period=${period} />${!period.isWrong && html`<${Shown} key=${tab} period=${period} query=${query} />`}</div></div>`
}

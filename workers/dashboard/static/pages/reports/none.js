// none.js: a period without leads, and the ways on.
import { html } from "../../vendor/vendor.js"
import { Button, Empty } from "../../ui/basics.js"
import { show } from "./period.js"
import { t } from "./words.js"

export const NoLeads = ({ period }) => html`<${Empty} icon="ChartColumn" title=${t("noLeads")} action=${html`<div class="row breaks center">
  ${period.name !== "year" && html`<${Button} kind="primary" onClick=${() => show({ period: "year", from: null, to: null })}>${t("longer")}<//>`}<a class="button" href="/leads">${t("toLeads")}</a></div>`}>${t("noLeadsText")}<//>`

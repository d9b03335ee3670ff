// recorded.js: what Flow notes of its own running, field by field, and for how long: read from the catalogue of the database.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Chip, Loaded } from "../../ui/basics.js"
import { t } from "./recorded-words.js"
import { span } from "./retention-words.js"

const Kept = ({ keeps }) => html`<${Chip}>${t("kept", { time: span(keeps) })}<//>`

const Table = ({ one }) => html`<section class="card stack tight"><div class="row between breaks"><h3>${t(one.table)}</h3><${Kept} keeps=${one.keeps} /></div>
  <p class="small soft wrap">${one.fields.map(({ name }) => t(name)).join(" · ")}</p></section>`

export default function Recorded() {
  const query = useQuery("what is recorded", () => rpcAlone("what_is_recorded"))
  return html`<p class="soft wrap">${t("text")}</p><p><a href="/settings/account">${t("yours")}</a></p>
    <${Loaded} query=${query} retry=${() => refresh("what is recorded")} lines=${6} height=${64}>${(tables) => html`
      ${tables.filter((one) => one.is_of_somebody).map((one) => html`<${Table} key=${one.table} one=${one} />`)}
      <section class="card stack tight"><h3>${t("service")}</h3><p class="soft">${t("serviceText")}</p>
        <ul class="list">${tables.filter((one) => !one.is_of_somebody).map((one) => html`<li key=${one.table} class="row between breaks recorded-line"><span class="wrap grow">${t(one.table)}</span><${Kept} keeps=${one.keeps} /></li>`)}</ul></section>`}<//>`
}

// kept.js: how long what the business decides about is kept just now, for those who may see the setting.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded } from "../../ui/basics.js"
import { kept, named } from "../settings/retention-words.js"
import { t } from "./words-control.js"

export function Kept() {
  const key = `retention ${org.value.id}`
  const query = useQuery(key, () => rpc("retention"))
  return html`<${Loaded} query=${query} retry=${() => refresh(key)} lines=${3} height=${16}>${({ classes, holds }) => html`
    ${holds.some((one) => !one.contact_id) && html`<p>${t("held")}</p>`}
    <dl class="provider">${classes.filter((one) => one.least).map((one) => html`<div key=${one.class}><dt>${named(one)}</dt><dd>${kept(one)}</dd></div>`)}</dl>
    <p><a href="/settings/retention">${t("retention")}</a></p>`}<//>`
}

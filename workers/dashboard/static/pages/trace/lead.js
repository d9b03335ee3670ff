// lead.js: how it went with a lead, from the enquiry over its greeting to the first reply.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Loaded } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import Steps from "./steps.js"
import { t } from "./words.js"

export default function LeadTrace({ id, close }) {
  const key = `lead-trace/${id}`
  const query = useQuery(key, () => rpc("lead_trace", { lead_id: id }))
  return html`<${Dialog} title=${t("title")} isWide onClose=${() => close()}>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${32}>${(told) => html`<${Steps} steps=${told.steps} hasKinds />`}<//><//>`
}

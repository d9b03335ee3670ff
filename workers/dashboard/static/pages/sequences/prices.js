// prices.js: what the steps of a sequence cost, for somebody like the newest lead.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { t } from "./words.js"

const none = new Map()

/** {template id: {high, currency}}; empty until known, or when there is nobody to ask for. */
export function usePrices(templates, number) {
  const asked = [...new Map(templates.map((template) => [template.id, template])).values()]
  const key = asked.length ? `step-prices ${org.value.id} ${number} ${asked.map(({ id }) => id).sort().join()}` : null
  return useQuery(key, async () => {
    const [lead] = await rows("leads", (query) => query.select("contact_id").order("received_at", { ascending: false }).limit(1))
    if (!lead) return none
    const found = await Promise.all(asked.map(({ name, language }) => rpc("estimate_messages", { message: { kind: "template", template: name, language }, contact_ids: [lead.contact_id], number_id: number }).catch(() => null)))
    return new Map(asked.map(({ id }, at) => [id, found[at]]).filter(([, price]) => price && !price.unknown))
  }).data ?? none
}

export function WholePrice({ steps, prices }) {
  const known = steps.map(({ template }) => prices.get(template))
  if (known.length < 2 || known.some((price) => !price) || new Set(known.map(({ currency }) => currency)).size > 1) return null
  return html`<p class="numbers">${t("wholePrice", { price: money(known.reduce((sum, { high }) => sum + Number(high), 0), known[0].currency, 4) })}</p>`
}

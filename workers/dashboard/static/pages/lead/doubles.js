// doubles.js: who may be the same person, beside a lead.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { Button } from "../../ui/basics.js"
import { merge } from "../leads-duplicates/merging.js"
import { deny, Likeness, Reasons, Somebody } from "../leads-duplicates/parts.js"
import { t as people } from "../leads-duplicates/words.js"
import { t } from "./person-words.js"

export function Doubles({ lead, again }) {
  const key = `duplicates/${lead.contact_id}`
  const { data } = useQuery(key, () => rpc("list_duplicates", { contact_id: lead.contact_id, page_size: 3 }))
  if (!data?.items.length) return null
  return html`<section class="card stack tight doubles" aria-label=${t("doubles")}><h2>${t("doubles")}</h2>
    <ul class="list">${data.items.map((pair) => {
      const other = pair.one.contact_id === lead.contact_id ? pair.other : pair.one
      return html`<li key=${other.contact_id} class="stack tight"><div class="row between"><${Somebody} person=${other} /><${Likeness} score=${pair.score} /></div><${Reasons} pair=${pair} />
        <div class="row breaks"><${Button} icon="Users" onClick=${() => { merge(lead.contact_id, other.contact_id, again) }}>${people("compare")}<//><${Button} kind="quiet" onClick=${() => deny(pair, key)}>${people("notSame")}<//></div></li>`
    })}</ul>
    ${data.next && html`<a href="/leads/duplicates">${t("allDoubles")}</a>`}
  </section>`
}

// whom.js: for which lead a task is: the newest ones, or those that a few letters find.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Field, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

const MOST = 6
const PAUSE = 200

const newest = async () => (await rpc("lead_list", { page_size: MOST })).leads.map(({ id, ...lead }) => ({ lead_id: id, ...lead }))

export function Whom({ chosen, onChoose }) {
  const [typed, setTyped] = useState("")
  const [asked, setAsked] = useState("")
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), PAUSE)
    return () => clearTimeout(timer)
  }, [typed])
  const { data, problem } = useQuery(`tasks-whom ${org.value.id} ${asked}`, () => (asked ? rpc("search_leads", { query: asked, page_size: MOST }) : newest()))
  const nameOf = (lead) => lead.name || lead.company || phone(lead.phone) || t("unnamed")
  if (chosen) {
    return html`<div class="field"><span class="label">${t("whom")}</span><div class="row whom-chosen"><${Icon} name="User" size=${16} /><span class="clip grow"><bdi>${[chosen.name, chosen.about].filter(Boolean).join(" · ")}</bdi></span>
      <${IconButton} icon="X" size=${16} label=${t("whomElse")} onClick=${() => onChoose(null)} /></div></div>`
  }
  return html`<div class="stack tight"><${Field} label=${t("whom")}>${(props) => html`<input ...${props} type="search" autocomplete="off" placeholder=${t("whomExample")} value=${typed} onInput=${(event) => setTyped(event.target.value)} />`}<//>
    <ul class="whom" aria-label=${t("whomFound")}>${problem ? html`<li class="small soft">${problem.words}</li>` : data && !data.length ? html`<li class="small soft">${t(asked ? "whomNone" : "whomNoLeads")}</li>`
      : (data ?? []).map((lead) => html`<li key=${lead.lead_id}><button type="button" onClick=${() => onChoose({ lead_id: lead.lead_id, name: nameOf(lead), about: lead.product || lead.title })}>
          <span class="clip"><bdi>${nameOf(lead)}</bdi></span><span class="clip small soft"><bdi>${lead.product || lead.title || phone(lead.phone)}</bdi></span></button></li>`)}</ul></div>`
}

// found.js: what a search has found, with the words that matched marked, or why it is shown when none does.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { useLeadChanges } from "./changes.js"
import { usePages } from "../../lib/paged.js"
import { At, Marked, nameOf, Owner, StageChip } from "./parts.js"
import { useWindow } from "../../ui/window.js"
import { t } from "./words.js"

const PAGE = 40
const HEIGHT = 96
const PAUSE = 180

/** A value that follows another once it rests. */
function useRested(value) {
  const [rested, setRested] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), PAUSE)
    return () => clearTimeout(timer)
  }, [value])
  return rested
}

export function Found({ text, reference }) {
  const query = useRested(text.trim())
  const list = usePages(`leads/search/${query}`, async (next) => {
    const leads = await rpc("search_leads", { query, page_size: PAGE, ...next })
    const last = leads.at(-1)
    return { items: leads, next: leads.length === PAGE && last.match === "words" ? { before_at: last.received_at, before_id: last.lead_id } : null }
  }, (lead) => lead.lead_id)
  useLeadChanges(list.again)
  const { box, onScroll, from, to, above, below } = useWindow(list.items, HEIGHT, { keyOf: (lead) => lead.lead_id, onEnd: list.more })
  const isAlike = list.items[0]?.match === "similar"
  return html`<div class="found" ref=${box} onScroll=${onScroll} aria-busy=${list.isLoading}>
    ${isAlike && html`<p class="small soft note">${t("alike", { text: query })}</p>`}
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="pad"><${Skeleton} lines=${6} height=${56} /></div>`
      : !list.items.length ? html`<${Empty} icon="Search" title=${t("notFound", { text: query })}>${t("notFoundText")}<//>`
      : html`<ul class="lead-rows" aria-label=${t("results")} style=${{ paddingTop: `${above}px`, paddingBottom: `${below}px` }}>${list.items.slice(from, to).map((lead) => html`<li key=${lead.lead_id} data-lead=${lead.lead_id} style=${{ height: `${HEIGHT}px` }}>
          <a class="grow" href="/leads/${lead.lead_id}"><span class="row"><strong class="clip"><bdi>${nameOf(lead)}</bdi></strong><span class="small faint clip grow"><bdi>${[lead.company, phone(lead.phone)].filter(Boolean).join(" · ")}</bdi></span><${At} at=${lead.received_at} /></span>
            <span class="snippet soft"><bdi><${Marked} text=${lead.snippet ?? ""} /></bdi></span>
            <span class="row"><${StageChip} stage=${reference.the("stage", lead.stage_id)} /><${Owner} id=${lead.owner_id} reference=${reference} />${lead.likeness !== null && html`<span class="small faint">${t("likeness", { n: lead.likeness })}</span>`}</span></a></li>`)}</ul>`}
  </div>`
}

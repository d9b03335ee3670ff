// audience.js: the first step: who should get it, by the filters of the leads, and how many that are.
import { html, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Chip, Field, Notice, Select, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { FilterChips, FilterDialog, partsOf } from "../leads/filters.js"
import { nameOf } from "../leads/parts.js"
import { useViews } from "../leads/views.js"
import { LeftOut } from "./left-out.js"
import { audienceOf, leadsOf } from "./plan.js"
import { t } from "./words.js"

const MOST = 50_000
const DAYS = [7, 30, 90]

export function Audience({ plan, change, reference, onNext }) {
  const [isFiltering, setFiltering] = useState(false)
  const views = useViews()
  const parts = partsOf(plan.leads, reference)
  const count = useCount(plan)
  const { data } = count
  const manyPipelines = reference.pipelines.length > 1
  const choose = ({ filter: { pipeline = "", ...leads } }) => change({ leads, pipeline: (Array.isArray(pipeline) ? pipeline[0] : pipeline) ?? "" })
  const offered = plan.pipeline || !manyPipelines ? reference : { ...reference, stagesOf: () => reference.stages }
  const set = (name) => (event) => change({ [name]: event.target.value })
  return html`<div class="narrow stack">
    <div class="stack tight"><h2>${t("who")}</h2><p class="soft">${t("whoText")}</p></div>
    <section class="card stack">
      <div class="row breaks">
        ${parts.length ? html`<${FilterChips} filter=${plan.leads} reference=${reference} onChange=${(leads) => change({ leads })} />` : html`<${Chip} icon="Users">${t("everybody")}<//>`}
        <span class="grow"></span>
        ${views.length > 0 && html`<${Menu} label=${t("view")} items=${views.map((view) => ({ label: view.name, icon: view.is_shared ? "Users" : "User", run: () => choose(view) }))}
          trigger=${({ ref, ...props }) => html`<button type="button" class="button" ref=${ref} ...${props}>${t("views")}<${Icon} name="ChevronDown" size=${16} /></button>`} />`}
        <${Button} icon="Filter" onClick=${() => setFiltering(true)}>${t("filter")}<//>
      </div>
      <div class="half-grid">
        ${manyPipelines && html`<${Field} label=${t("pipeline")}>${(props) => html`<${Select} ...${props} value=${plan.pipeline} options=${[["", t("allPipelines")], ...reference.pipelines.map(({ id, name }) => [id, name])]} onChange=${(event) => change({ pipeline: event.target.value, leads: { ...plan.leads, stage: undefined } })} />`}<//>`}
        <${Field} label=${t("replies")}>${(props) => html`<${Select} ...${props} value=${plan.replied} options=${[["", t("any")], ["yes", t("repliedYes")], ["no", t("repliedNo")]]} onChange=${set("replied")} />`}<//>
        <${Field} label=${t("contact")}>${(props) => html`<${Select} ...${props} value=${plan.days} options=${[["", t("contactNo")], ...DAYS.map((n) => [String(n), t("contactDays", { n })])]} onChange=${set("days")} />`}<//>
      </div>
    </section>
    <section class="card stack" aria-live="polite">${data
      ? html`<${Counted} told=${data} plan=${plan} />`
      : count.problem ? html`<${Notice} kind="bad">${count.problem.words} <button type="button" class="link" onClick=${() => refresh("audience ")}>${t("retry")}</button><//>` : html`<${Skeleton} lines=${3} height=${24} />`}</section>
    <div class="step-actions end"><${Button} kind="primary" disabled=${!count.isNow || !data?.recipients || data.audience > MOST} onClick=${onNext}>${t("next")}<${Icon} name="ArrowRight" size=${16} /><//></div>
    ${isFiltering && html`<${FilterDialog} filter=${plan.leads} reference=${offered} pipeline=${plan.pipeline || reference.pipelines[0]?.id} onApply=${(leads) => { setFiltering(false); change({ leads }) }} onClose=${() => setFiltering(false)} />`}
  </div>`
}

/** The count of the plan's audience; while another is asked for, the one before stays, and isNow is false. */
function useCount(plan) {
  const filter = audienceOf(plan)
  const last = useRef()
  const { data, problem } = useQuery(`audience ${org.value.id} ${JSON.stringify(filter)}`, () => rpc("count_audience", { filter }))
  if (data) last.current = data
  return { data: problem ? undefined : data ?? last.current, problem: data ? null : problem, isNow: Boolean(data) }
}

/** The newest leads of an audience, for a look: [lead]. */
export const useSample = (leads) => useQuery(`audience-sample ${org.value.id} ${JSON.stringify(leads)}`, async () => (await rpc("lead_list", { filter: leads, page_size: 5 })).leads)

function Counted({ told, plan }) {
  const leads = leadsOf(plan)
  const names = [...new Set((useSample(leads).data ?? []).map(nameOf))].slice(0, 3)
  const inLeads = new URLSearchParams({ layout: "table", ...(plan.pipeline && { pipeline: plan.pipeline }), f: JSON.stringify({ ...leads, pipeline: undefined }) })
  return html`<div class="stack tight"><p class="figure numbers ${told.recipients ? "" : "soft"}">${told.recipients ? t("get", { n: told.recipients }) : t("getNobody")}</p>
      ${told.audience !== told.recipients && html`<p class="soft">${t("of", { n: told.audience })}</p>`}</div>
    <${LeftOut} told=${told} />
    ${told.audience > MOST && html`<${Notice} kind="warn">${t("tooMany")}<//>`}
    ${told.recipients > 0 && names.length > 0 && html`<div class="stack tight"><p class="soft wrap">${t("among", { names: names.join(", ") })}</p><a class="link" href="/leads?${inLeads}">${t("showLeads")}</a></div>`}`
}

// page.js: one lead: what was asked for on top, everything that happened below, who it is and what is known beside it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { inTurn } from "../../lib/turns.js"
import { Button, Chip, Empty, IconButton, lazy, Loaded } from "../../ui/basics.js"
import { show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { stageItems } from "../leads/card.js"
import { readLeads } from "../leads/cards.js"
import { useLeadChanges } from "../leads/changes.js"
import { moveLead } from "../leads/moving.js"
import { At, nameOf, sourceName, StageChip } from "../leads/parts.js"
import { recall, useReference } from "../leads/reference.js"
import { Details } from "./details.js"
import { Timeline } from "./timeline.js"
import { t } from "./words.js"

const Trace = lazy(() => import("../trace/lead.js"))

export default function Lead({ params: { id } }) {
  const reference = useReference()
  const key = `lead/${id}`
  const query = useQuery(key, async () => (await readLeads([id]))[0] ?? null)
  useLeadChanges((ids) => { if (!ids || ids.includes(id)) refresh(key) })
  if (reference.data === undefined || query.data === undefined) {
    const failed = reference.problem ? reference : query
    return html`<div class="body"><${Loaded} query=${{ data: undefined, problem: failed.problem }} retry=${() => { recall(); refresh(key) }} lines=${8} /></div>`
  }
  if (query.data === null) return html`<${Empty} icon="CircleHelp" title=${t("gone")} action=${html`<a class="button" href="/leads">${t("toLeads")}</a>`}>${t("goneText")}<//>`
  return html`<${Shown} key=${id} lead=${query.data} reference=${reference.data} queryKey=${key} />`
}

function Shown({ lead, reference, queryKey }) {
  const [tab, setTab] = useState("timeline")
  const [isWhole, setWhole] = useState(false)
  const again = () => { refresh(queryKey); refresh("lead-timeline") }
  const shown = (after) => adjust(queryKey, (now) => ({ ...now, ...after }))
  /** Calls a function that changes the lead as it is shown. Throws what the database refuses. */
  const change = async (name, args) => {
    try {
      const answer = await inTurn(lead, (version) => rpc(name, { lead_id: lead.id, version, ...args }))
      const { lead_id: _, reason_id: reason, kind: __, ...fields } = answer
      shown({ ...fields, ...(reason !== undefined ? { closed_reason: reason } : {}) })
      return answer
    } catch (error) {
      if (error.detail === "lead_changed") again()
      throw error
    }
  }
  const stage = reference.the("stage", lead.stage_id)
  const pipeline = stage?.pipeline_id
  const move = (to) => moveLead({ lead, to, reference, shown, again })
  const others = reference.pipelines.filter(({ id }) => id !== pipeline)
  const stages = [...stageItems(reference.stagesOf(pipeline), lead, move),
    ...others.flatMap(({ id, name }) => stageItems(reference.stagesOf(id), lead, move).map((item) => ({ ...item, hint: name })))]
  const chat = async () => go(`/inbox/${(await rpc("start_conversation", { contact_id: lead.contact_id })).conversation_id}`)
  const won = reference.stagesOf(pipeline).find(({ kind }) => kind === "won")
  const lost = reference.stagesOf(pipeline).find(({ kind }) => kind === "lost")
  // Of an erased person the lead is left for the figures: nobody is there to win, to move or to write to.
  const isErased = Boolean(lead.erased_at)
  const text = lead.message ?? ""
  const isLong = text.length > 160 || text.split("\n").length > 2
  return html`<header class="top lead-top">
      <${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => (history.length > 1 ? history.back() : go("/leads"))} />
      <h1 class="clip"><bdi>${nameOf(lead)}</bdi></h1>
      ${isErased ? html`<${StageChip} stage=${stage} />` : html`<${Menu} label=${t("stage")} items=${stages} trigger=${({ ref, ...props }) => html`<button type="button" class="button stage-button ${stage?.kind ?? ""}" aria-label=${t("stageIs", { stage: stage?.name ?? "" })} ref=${ref} ...${props}><span class="clip"><bdi>${stage?.name}</bdi></span><${Icon} name="ChevronDown" size=${16} /></button>`} />
      <span class="wide-row">${stage?.kind === "open"
        ? html`${won && html`<${Button} icon="CircleCheck" onClick=${() => move(won)}>${t("win")}<//>`}${lost && html`<${Button} icon="CircleX" onClick=${() => move(lost)}>${t("lose")}<//>`}`
        : html`<${Button} icon="RotateCcw" onClick=${() => change("reopen_lead", {}).then(again)}>${t("reopen")}<//>`}</span>
      <${Button} kind="primary" icon="MessageCircle" onClick=${chat}><span class="hidden-phone">${t("chat")}</span><//>`}
    </header>
    <section class="enquiry" aria-label=${t("enquiry")}>
      ${isErased && html`<p class="small soft row"><${Icon} name="UserX" size=${14} /><span>${t("erasedLead")}</span></p>`}
      <div class="row"><h2 class="wrap grow"><bdi>${lead.product || lead.title || t("noProduct")}</bdi></h2><${Chip}>${sourceName(reference, lead)}<//><${At} at=${lead.received_at} />
        <${IconButton} icon="Workflow" size=${16} label=${t("howItWent")} onClick=${() => show((close) => html`<${Trace} id=${lead.id} close=${close} />`)} /></div>
      ${lead.title && lead.product && !lead.title.includes(lead.product) && html`<p class="soft wrap">${lead.title}</p>`}
      ${text && html`<p class="wrap said ${isWhole ? "" : "short"}">${text}</p>`}
      ${isLong && html`<button type="button" class="button quiet" aria-expanded=${isWhole} onClick=${() => setWhole(!isWhole)}>${t(isWhole ? "less" : "whole")}</button>`}
      ${lead.closed_reason && html`<p class="small soft">${t("because", { reason: reference.nameOf("reason", lead.closed_reason) })}</p>`}
      ${lead.problems.length > 0 && html`<p class="small warn row"><${Icon} name="TriangleAlert" size=${14} /><span>${lead.problems.map((problem) => (PROBLEMS.includes(problem) ? t(problem) : problem.replaceAll("_", " "))).join(" · ")}</span></p>`}
    </section>
    <div class="tabs phone-tabs" role="tablist">${["timeline", "details"].map((name) => html`<button type="button" role="tab" aria-selected=${tab === name} onClick=${() => setTab(name)}>${t(name)}</button>`)}</div>
    <div class="lead-body" data-tab=${tab}>
      <${Timeline} lead=${lead} reference=${reference} />
      <${Details} lead=${lead} reference=${reference} change=${change} again=${again} stage=${stage} won=${won} lost=${lost} move=${move} />
    </div>`
}

const PROBLEMS = ["unreachable", "phone_invalid", "received_at_unreadable", "conflicting_copy"]

// one.js: one broadcast: how it stands, what became of everybody, what it has cost, and its brake.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { may, org } from "../../lib/session.js"
import { Button, Empty, IconButton, Loaded, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { useLive } from "../campaigns/live.js"
import { t as shared } from "../campaigns/words.js"
import { moment } from "../../lib/formats.js"
import { useReference } from "../leads/reference.js"
import { DryRun, sendWords } from "./dry-run.js"
import { Outcomes } from "./outcomes.js"
import { Facts, Figures } from "./results.js"
import { figuresOf, isRunning, State, stateOf, waitWords } from "./states.js"
import { t } from "./words.js"

export default function Broadcast({ params: { id }, query }) {
  const key = `broadcast ${org.value.id} ${id}`
  const report = `broadcast-report ${org.value.id} ${id}`
  const found = useQuery(key, async () => (await rpc("list_broadcasts", { broadcast_id: id }))[0])
  const reference = useReference().data
  useLive(Boolean(found.data && isRunning(found.data)), () => { refresh(key); refresh(report) })
  if (found.data) return html`<${Shown} key=${id} broadcast=${found.data} reference=${reference} report=${report} show=${query.show} again=${() => { refresh(key); refresh(report) }} />`
  const isGone = found.problem && (found.problem.status === 404 || found.problem.status === 400)
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${shared("back")} onClick=${() => go("/broadcasts")} /><h1 class="clip">${t("list")}</h1></header>
    ${isGone ? html`<${Empty} icon="CircleHelp" title=${t("gone")} action=${html`<a class="button" href="/broadcasts">${t("toList")}</a>`}>${t("goneText")}<//>`
      : html`<div class="body"><div class="narrow"><${Loaded} query=${found} retry=${() => refresh(key)} lines=${8} height=${32}>${() => null}<//></div></div>`}`
}

function Shown({ broadcast, reference, report, show, again }) {
  const [tab, setTab] = useState("results")
  const isDraft = broadcast.state === "draft"
  return html`<header class="top one-top"><${IconButton} icon="ArrowLeft" label=${shared("back")} onClick=${() => go("/broadcasts")} />
      <h1 class="clip"><bdi>${broadcast.name}</bdi></h1><${State} broadcast=${broadcast} />
      ${may("admin") && html`<${Steering} broadcast=${broadcast} again=${again} />`}</header>
    ${isDraft || !broadcast.starts_at
      ? html`<div class="body" tabindex="0" role="region" aria-label=${broadcast.name}><div class="narrow stack"><${Draft} broadcast=${broadcast} again=${again} /><${Facts} broadcast=${broadcast} reference=${reference} /></div></div>`
      : html`<div class="tabs phone-tabs" role="tablist">${["results", "people"].map((name) => html`<button type="button" role="tab" aria-selected=${tab === name} onClick=${() => setTab(name)}>${shared(name)}</button>`)}</div>
        <div class="campaign-body" data-tab=${tab}>
          <aside class="campaign-aside stack" tabindex="0" aria-label=${shared("results")}><${Standing} broadcast=${broadcast} /><${Figures} broadcast=${broadcast} /><${Facts} broadcast=${broadcast} reference=${reference} report=${report} /></aside>
          <${Outcomes} broadcast=${broadcast} first=${show} />
        </div>`}`
}

/** What stands in its way, or what it waits for. */
function Standing({ broadcast }) {
  const state = stateOf(broadcast)
  if (state === "paused") return html`<${Notice} kind="warn"><strong>${t(`paused_${broadcast.paused_for}`)}</strong>${!["person", "category"].includes(broadcast.paused_for) && html`<br /><span class="small wrap">${broadcast.paused_reason}</span>`}<//>`
  if (state === "waiting") return html`<${Notice}>${waitWords(broadcast.waits_for)}<//>`
  if (state === "scheduled") return html`<${Notice}>${t("scheduledFor", { time: moment(broadcast.starts_at) })}<//>`
  return null
}

function Steering({ broadcast, again }) {
  const { broadcast_id: id, state } = broadcast
  const { waiting, sent } = figuresOf(broadcast)
  const steer = (step, words) => rpc(`${step}_broadcast`, { broadcast_id: id }).then(() => say(words)).finally(again)
  const cancel = async () => {
    const asked = state === "draft"
      ? { title: t("cancelDraftTitle"), text: t("cancelDraftText"), action: t("discard") }
      : { title: t("cancelTitle", { n: waiting }), text: t("cancelText", { n: sent }), action: t("cancelIt") }
    if (await confirm({ ...asked, isDanger: true })) await steer("cancel", t("cancelled"))
  }
  const resume = async () => {
    const isAccepted = broadcast.paused_for !== "category" || await confirm({ title: t("resumeTitle"), text: t("resumeText", { n: waiting }), action: t("resume") })
    if (isAccepted) await steer("resume", t("resumed"))
  }
  return html`
    ${state === "running" && html`<${Button} icon="Pause" aria-label=${t("pause")} onClick=${() => steer("pause", t("pausedNow"))}><span class="hidden-phone">${t("pause")}</span><//>`}
    ${state === "paused" && html`<${Button} kind="primary" icon="Play" aria-label=${t("resume")} onClick=${resume}><span class="hidden-phone">${t("resume")}</span><//>`}
    ${["draft", "running", "paused"].includes(state) && html`<${Button} kind="danger" icon="X" aria-label=${t(state === "draft" ? "discard" : "cancelIt")} onClick=${cancel}><span class="hidden-phone">${t(state === "draft" ? "discard" : "cancelIt")}</span><//>`}`
}

/** A draft that was not started: what would happen now, and its start. */
function Draft({ broadcast, again }) {
  const { broadcast_id: id, state, template } = broadcast
  const key = state === "draft" ? `dry-run ${org.value.id} ${id}` : null
  const dryRun = useQuery(key, () => rpc("preview_broadcast", { broadcast_id: id }))
  if (!key) return null
  const start = async () => {
    if (!(await confirm({ title: `${sendWords(dryRun.data)}?`, text: t("sureDraft", { template }), action: t("send", { n: dryRun.data.recipients }) }))) return
    await rpc("start_broadcast", { broadcast_id: id }).finally(again)
    say(t("started"))
  }
  return html`<section class="card stack"><p class="soft">${t("draftText")}</p>
    <${Loaded} query=${dryRun} retry=${() => refresh(key)} lines=${5} height=${40}>${(told) => html`<${DryRun} told=${told} />
      ${may("admin") && html`<div class="step-actions"><${Button} kind="primary" icon="Send" disabled=${!told.recipients} onClick=${start}>${told.recipients ? sendWords(told) : t("getNobody")}<//></div>`}`}<//></section>`
}

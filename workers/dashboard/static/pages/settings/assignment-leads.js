// assignment-leads.js: what the rules would have done with the last leads, in words; and the leads that nobody has.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { org } from "../../lib/session.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Chip, Loaded } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { t } from "./assignment-words.js"

const LAST = 50
const MOST = 200

export function DryRun({ reference, hasRules }) {
  const [found, setFound] = useState(null)
  const run = async () => setFound(await rpc("assignment_dry_run", { many: LAST }))
  const name = (id) => reference.nameOf("member", id) || t("left")
  const outcome = (lead) => ({
    assigned: () => t("wouldGo", { name: name(lead.user_id), rule: lead.rule }), wait: () => t("wouldWait", { time: lead.wait_until ? moment(lead.wait_until) : "…", rule: lead.rule }),
    nobody: () => t("wouldStay", { rule: lead.rule }), no_rule: () => t("wouldFitNone"),
  })[lead.outcome]()
  return html`<section class="card stack"><div><h3>${t("dryRun")}</h3><p class="soft">${t("dryRunText", { n: LAST })}</p></div>
    ${found && (found.leads.length ? html`<div class="dry-sum" role="status">${found.summary.map(({ user_id: id, outcome: kind, leads }) => html`<${Chip} key=${`${id} ${kind}`} kind=${{ assigned: "good", no_rule: "warn" }[kind] ?? ""}>${t(`sum_${kind}`, { n: leads, name: id ? name(id) : "" })}<//>`)}</div>
      <ul class="list dry" tabindex="0" aria-label=${t("dryRun")}>${found.leads.map((lead) => html`<li key=${lead.lead_id}><a class="clip" href="/leads/${lead.lead_id}"><bdi>${[lead.name || t("unnamed"), lead.about].filter(Boolean).join(" · ")}</bdi></a><span class="small soft wrap">${moment(lead.received_at)}: ${outcome(lead)}</span></li>`)}</ul>`
      : html`<p class="soft">${t("noLeads")}</p>`)}
    <div><${Button} icon="Play" disabled=${!hasRules} onClick=${run}>${t(found ? "dryAgain" : "dryDo")}<//></div></section>`
}

export function Unassigned({ hasRules }) {
  const key = `unassigned ${org.value.id}`
  const query = useQuery(key, () => rpc("unassigned_leads", { older_than_minutes: 0, page_size: MOST }))
  const apply = async (leads) => {
    const { queued } = await rpc("apply_assignment_rules", { lead_ids: leads.map(({ id }) => id) })
    say(t("queued", { n: queued }))
    setTimeout(() => refresh(key), 4000) // the rules look every few seconds
  }
  return html`<section class="card stack"><div><h3>${t("unassigned")}</h3><p class="soft">${t("unassignedText")}</p></div>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${2}>${({ leads, next }) => (leads.length ? html`
      <p><strong class="numbers">${t("unassignedCount", { n: leads.length })}</strong>${next && html` <span class="soft">${t("andMore")}</span>`}</p>
      <ul class="list dry" tabindex="0" aria-label=${t("unassigned")}>${leads.map((lead) => html`<li key=${lead.id}><a class="clip" href="/leads/${lead.id}"><bdi>${[lead.name || t("unnamed"), lead.product || lead.title].filter(Boolean).join(" · ")}</bdi></a>
        <span class="small soft wrap">${moment(lead.received_at)}${lead.waits_until ? ` · ${t("waitsUntil", { time: moment(lead.waits_until) })}` : ""}</span></li>`)}</ul>
      <div><${Button} icon="RefreshCw" disabled=${!hasRules} onClick=${() => apply(leads)}>${t("apply")}<//></div>` : html`<p class="soft">${t("noneUnassigned")}</p>`)}<//></section>`
}

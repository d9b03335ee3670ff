// page.js: all sequences, each with its steps and how many people are where.
import { html } from "../../vendor/vendor.js"
import { may } from "../../lib/session.js"
import { Empty, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { CampaignsHead } from "../campaigns/tabs.js"
import { useReference } from "../leads/reference.js"
import { OnChip, recallSequences, Steps, triggerWords, useSequences } from "./parts.js"
import { t } from "./words.js"

export default function Sequences() {
  const sequences = useSequences()
  const reference = useReference().data
  const make = may("admin") && html`<a class="button primary" href="/sequences/new"><${Icon} name="Plus" size=${16} /><span>${t("new")}</span></a>`
  return html`<${CampaignsHead}>${sequences.data?.length > 0 && make}<//>
    <div class="body"><div class="broad"><${Loaded} query=${sequences} retry=${recallSequences} lines=${6} height=${48}>${(found) => (found.length
      ? html`<ul class="sequence-cards">${found.map((sequence) => html`<li key=${sequence.sequence_id}><${Card} sequence=${sequence} reference=${reference} /></li>`)}</ul>`
      : html`<${Empty} icon="Workflow" title=${t("none")} action=${make}>${t(may("admin") ? "noneText" : "noneAgent")}<//>`)}<//></div></div>`
}

function Card({ sequence, reference }) {
  const { people } = sequence
  const shown = ["active", "waiting", "done", "stopped"].filter((name) => people[name])
  return html`<a class="card sequence-card" href="/sequences/${sequence.sequence_id}">
    <span class="row"><strong class="clip grow"><bdi>${sequence.name}</bdi></strong><${OnChip} on=${sequence.on} /></span>
    <span class="small soft wrap">${triggerWords(sequence, reference)}</span>
    <${Steps} steps=${sequence.steps} />
    <span class="row breaks small soft numbers foot-line">${shown.length ? shown.map((name) => html`<span class=${name === "waiting" ? "warn" : ""}>${t(`people_${name}`, { n: people[name] })}</span>`) : t("nobodyYet")}</span></a>`
}

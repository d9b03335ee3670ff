// one.js: one sequence: its steps, what ends it, and who is in it, how far.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { go } from "../../lib/router.js"
import { may } from "../../lib/session.js"
import { Button, Empty, IconButton, Loaded, Skeleton } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { Windowed } from "../../ui/windowed.js"
import { useLive } from "../campaigns/live.js"
import { Person } from "../campaigns/person.js"
import { t as shared } from "../campaigns/words.js"
import { usePages } from "../../lib/paged.js"
import { useReference } from "../leads/reference.js"
import { OnChip, problemWords, reasonWords, recallSequences, Steps, triggerWords, useSequences } from "./parts.js"
import { stopOf } from "./stopping.js"
import { t } from "./words.js"

export default function Sequence({ params: { id } }) {
  const sequences = useSequences()
  const reference = useReference().data
  const found = sequences.data?.find((sequence) => sequence.sequence_id === id)
  const back = html`<${IconButton} icon="ArrowLeft" label=${shared("back")} onClick=${() => go("/sequences")} />`
  if (found) return html`<${Shown} key=${id} sequence=${found} reference=${reference} back=${back} />`
  return html`<header class="top">${back}<h1 class="clip">${t("list")}</h1></header>
    ${sequences.data ? html`<${Empty} icon="CircleHelp" title=${t("unknown")} action=${html`<a class="button" href="/sequences">${t("toList")}</a>`}>${t("unknownText")}<//>`
      : html`<div class="body"><div class="narrow"><${Loaded} query=${sequences} retry=${recallSequences} lines=${8} height=${32}>${() => null}<//></div></div>`}`
}

function Shown({ sequence, reference, back }) {
  const [tab, setTab] = useState("people")
  const { sequence_id: id, on, people } = sequence
  const turn = async () => {
    if (on && people.active && !(await confirm({ title: t("offTitle", { n: people.active }), text: t("offText"), action: t("turnOff") }))) return
    await rpc("save_sequence", { sequence_id: id, sequence: { on: !on } }).finally(recallSequences)
    say(t(on ? "turnedOff" : "turnedOn"))
  }
  useLive(people.active > 0, recallSequences)
  return html`<header class="top one-top">${back}<h1 class="clip"><bdi>${sequence.name}</bdi></h1><${OnChip} on=${on} />
      ${may("admin") && html`<${Button} icon=${on ? "Pause" : "Play"} aria-label=${t(on ? "turnOff" : "turnOn")} onClick=${turn}><span class="hidden-phone">${t(on ? "turnOff" : "turnOn")}</span><//>
        <a class="button" href="/sequences/${id}/edit" aria-label=${t("edit")}><${Icon} name="Pencil" size=${16} /><span class="hidden-phone">${t("edit")}</span></a>`}</header>
    <div class="tabs phone-tabs" role="tablist">${[["people", shared("people")], ["results", t("steps")]].map(([name, words]) => html`<button type="button" role="tab" aria-selected=${tab === name} onClick=${() => setTab(name)}>${words}</button>`)}</div>
    <div class="campaign-body" data-tab=${tab}>
      <aside class="campaign-aside stack" tabindex="0" aria-label=${t("steps")}>
        <section class="card stack"><span class="phone-only"><span><${OnChip} on=${on} /></span></span><p class="soft wrap">${triggerWords(sequence, reference)}</p><${Steps} steps=${sequence.steps} /></section>
        <section class="card stack tight"><h2>${t("rules")}</h2><ul class="stack tight">${["replied", "optout", "closed", "hand"].map((name) => html`<li class="row" key=${name}><${Icon} name="Check" size=${16} className="soft" /><span class="wrap">${t(`rule_${name}`)}</span></li>`)}</ul><p class="small soft">${t("ruleQuiet")}</p></section>
      </aside>
      <${People} sequence=${sequence} /></div>`
}

const KINDS = ["active", "waiting", "done", "stopped"]
const SIZE = 50
const ONE = "id, contact_id, lead_id, state, next_step, due_at, problem, reason, started_at, ended_at, contacts!enrollment_is_of_a_contact_of_its_organization(name, phone, wa_id)"

/** A page of who is in a sequence, those who came last first. */
const readPage = (sequence, kind) => async (next) => {
  const found = await rows("sequence_enrollments", (query) => {
    let asked = query.select(ONE).eq("sequence_id", sequence).eq("state", kind === "waiting" ? "active" : kind)
    if (kind === "waiting") asked = asked.not("problem", "is", null)
    if (next) asked = asked.lte("started_at", next.at).or(`started_at.lt."${next.at}",id.lt.${next.id}`)
    return asked.order("started_at", { ascending: false }).order("id", { ascending: false }).limit(SIZE)
  })
  const last = found.at(-1)
  return {
    items: found.map(({ contacts, ...enrollment }) => ({ ...enrollment, name: contacts?.name, phone: contacts?.wa_id ? `+${contacts.wa_id}` : contacts?.phone })),
    next: found.length === SIZE ? { at: last.started_at, id: last.id } : null,
  }
}

function stands(enrollment, steps) {
  if (enrollment.state === "done") return t("is_done", { time: moment(enrollment.ended_at) })
  if (enrollment.state === "stopped") return t("is_stopped", { reason: reasonWords(enrollment.reason), time: moment(enrollment.ended_at) })
  if (enrollment.problem) return problemWords(enrollment.problem)
  return enrollment.next_step > steps ? t("lastWait") : t("nextStep", { n: enrollment.next_step, all: steps, time: moment(enrollment.due_at) })
}

function People({ sequence }) {
  const { sequence_id: id, people, steps } = sequence
  const [kind, setKind] = useState("active")
  const list = usePages(`enrollments/${id}/${kind}`, readPage(id, kind))
  useLive(people.active > 0, list.again)
  const stop = (enrollment) => stopOf({ enrollment, sequence, name: enrollment.name || enrollment.phone || shared("unnamed") }).then((done) => { if (done) { list.again(); recallSequences() } })
  return html`<section class="campaign-people" aria-label=${shared("people")}>
    <div class="chips-row" role="group" aria-label=${t("show")}>${KINDS.filter((name) => name === kind || name === "active" || people[name] > 0).map((name) => html`<button type="button" class="chip" key=${name} aria-pressed=${name === kind} onClick=${() => setKind(name)}>${t(`show_${name}`)} <span class="numbers">${people[name]}</span></button>`)}</div>
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${shared("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="pad"><${Skeleton} lines=${8} height=${32} /></div>`
      : !list.items.length ? html`<${Empty} icon="Users" title=${t("nobody")}>${kind === "active" && t("nobodyText")}<//>`
      : html`<${Windowed} key=${kind} items=${list.items} keyOf=${(one) => one.id} height=${64} onEnd=${list.more} label=${t(`show_${kind}`)} render=${(one) => html`<div class="person-line">
          <${Person} person=${one} href=${one.lead_id && `/leads/${one.lead_id}`}><span class="three-lines ${one.problem && one.state === "active" ? "warn" : "soft"}">${stands(one, steps.length)}</span><//>
          ${one.state === "active" && html`<${IconButton} icon="X" label=${t("stopOf", { name: one.name || one.phone || shared("unnamed") })} onClick=${() => stop(one)} />`}</div>`} />`}
  </section>`
}

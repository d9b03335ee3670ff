// in-sequences.js: on the page of a lead: in which sequences its person is, how to stop one, and a menu to put them into one.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { nameOf } from "../leads/parts.js"
import { problemWords, useSequences } from "./parts.js"
import { stopOf } from "./stopping.js"
import { t } from "./words.js"

/** lead: as the page of a lead has it. Nothing where the organization has no sequences. */
export function InSequences({ lead }) {
  const sequences = useSequences().data
  const key = `enrolled ${lead.contact_id}`
  const active = useQuery(key, () => rows("sequence_enrollments", (query) => query.select("id, sequence_id, next_step, due_at, problem").eq("contact_id", lead.contact_id).eq("state", "active").order("started_at"))).data ?? []
  if (!sequences?.length) return null
  const of = (id) => sequences.find((sequence) => sequence.sequence_id === id)
  const offered = sequences.filter((sequence) => sequence.on && !active.some((one) => one.sequence_id === sequence.sequence_id))
  const put = async (sequence) => {
    const { due_at: at } = await rpc("enroll_contact", { sequence_id: sequence.sequence_id, contact_id: lead.contact_id, lead_id: lead.id }).finally(() => refresh(key))
    say(`${t("added", { name: nameOf(lead), sequence: sequence.name })}. ${t("firstAt", { time: moment(at) })}`)
  }
  const stop = async (enrollment) => { if (await stopOf({ enrollment, sequence: of(enrollment.sequence_id), name: nameOf(lead) })) refresh(key) }
  if (!active.length && !offered.length) return null
  return html`<section class="card stack tight"><h2>${t("sequences")}</h2>
    ${active.length > 0 && html`<ul class="list">${active.filter((one) => of(one.sequence_id)).map((one) => html`<li class="row" key=${one.id}><a class="grow stack tight none wrap" href="/sequences/${one.sequence_id}"><bdi>${of(one.sequence_id).name}</bdi>
      <span class="small soft">${one.problem ? problemWords(one.problem) : one.next_step > of(one.sequence_id).steps.length ? t("lastWait") : t("nextStep", { n: one.next_step, all: of(one.sequence_id).steps.length, time: moment(one.due_at) })}</span></a>
      <${IconButton} icon="X" label=${t("stopOf", { name: nameOf(lead) })} onClick=${() => stop(one)} /></li>`)}</ul>`}
    ${offered.length > 0 && html`<${Menu} label=${t("put")} items=${offered.map((sequence) => ({ label: sequence.name, icon: "Workflow", hint: t("stepCount", { n: sequence.steps.length }), run: () => put(sequence) }))}
      trigger=${({ ref, ...props }) => html`<button type="button" class="button" ref=${ref} ...${props}><${Icon} name="Workflow" size=${16} />${t("put")}</button>`} />`}
  </section>`
}

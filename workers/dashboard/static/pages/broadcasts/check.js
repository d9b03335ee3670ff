// check.js: the last step: its name, its moment, all that will happen; then it is sent, once.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { Button, Field, Loaded } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { mappingOf } from "../campaigns/mapping.js"
import { numberWords } from "../campaigns/numbers.js"
import { t as shared } from "../campaigns/words.js"
import { usePreview } from "../inbox/template.js"
import { Look } from "../templates/look.js"
import { nameOf } from "../leads/parts.js"
import { useSample } from "./audience.js"
import { DryRun, sendWords } from "./dry-run.js"
import { audienceOf, broadcastOf, forgetPlan, leadsOf } from "./plan.js"
import { audienceWords } from "./states.js"
import { isPast, Time } from "./time.js"
import { t } from "./words.js"

const suggested = (template) => `${template.name}, ${date(new Date())}`.slice(0, 120)

/** The draft of what was confirmed, made once: the same content again is the same draft, another content discards the one before. */
let draft = null
async function draftOf(broadcast) {
  const content = JSON.stringify([org.value.id, broadcast])
  if (draft?.content !== content) {
    if (draft?.id && draft.org === org.value.id) await rpc("cancel_broadcast", { broadcast_id: draft.id }).catch(() => {})
    draft = { content, org: org.value.id, token: crypto.randomUUID(), id: null }
  }
  draft.id = (await rpc("create_broadcast", { broadcast, client_token: draft.token })).broadcast_id
  return draft.id
}

export function Check({ plan, change, reference, number, template, onBack }) {
  const name = plan.name.trim() || suggested(template)
  const asked = broadcastOf(plan, template, number, "preview")
  const key = `dry-run ${org.value.id} ${JSON.stringify(asked)}`
  const dryRun = useQuery(key, () => rpc("preview_broadcast", { broadcast: asked }))
  const sample = useSample(leadsOf(plan)).data?.[0]
  const { seen } = usePreview(template, { mapping: mappingOf(template, plan.values), lead_id: sample?.id ?? null })
  const send = async () => {
    const text = plan.at ? t("sureLater", { template: template.name, number: number.display_phone, time: moment(plan.at) }) : t("sureNow", { template: template.name, number: number.display_phone })
    if (!(await confirm({ title: `${sendWords(dryRun.data)}?`, text, action: t("send", { n: dryRun.data.recipients }) }))) return
    const id = await draftOf({ ...asked, name })
    await rpc("start_broadcast", { broadcast_id: id, send_at: plan.at || null })
    draft = null
    forgetPlan()
    say(plan.at ? t("planned", { time: moment(plan.at) }) : t("started"))
    go(`/broadcasts/${id}`, { replace: true })
  }
  const told = dryRun.data
  return html`<div class="broad stack"><div class="check-grid">
      <section class="card stack"><h2>${t("check")}</h2>
        <${Loaded} query=${dryRun} retry=${() => refresh(key)} lines=${5} height=${40}>${(found) => html`<${DryRun} told=${found} audience=${audienceWords(audienceOf(plan), reference)} from=${numberWords(number)} />`}<//></section>
      <div class="stack">
        <section class="card stack">
          <${Time} at=${plan.at} onChange=${(at) => change({ at })} />
          <${Field} label=${t("name")} help=${t("nameHelp")}>${(props) => html`<input ...${props} maxlength="120" autocomplete="off" placeholder=${suggested(template)} value=${plan.name} onInput=${(event) => change({ name: event.target.value })} />`}<//>
        </section>
        <section class="stack tight"><h3 class="wrap">${sample ? shared("previewOf", { name: nameOf(sample) }) : shared("preview")}</h3><${Look} ...${seen ?? { body: "…" }} /></section>
      </div></div>
    <div class="step-actions"><${Button} icon="ArrowLeft" onClick=${onBack}>${t("previous")}<//>
      <${Button} kind="primary" icon="Send" disabled=${!told?.recipients || told.recipients > 50_000 || isPast(plan.at)} onClick=${send}>${told?.recipients ? sendWords(told) : t("getNobody")}<//></div>
  </div>`
}

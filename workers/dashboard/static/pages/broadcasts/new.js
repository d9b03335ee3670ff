// new.js: a broadcast in three steps: to whom, what, and a look at all that will happen before it is sent.
import { html } from "../../vendor/vendor.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { IconButton, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { isFilled } from "../campaigns/mapping.js"
import { NoNumber, useNumbers } from "../campaigns/numbers.js"
import { recall as recallTeam, templates } from "../inbox/team.js"
import { recall, useReference } from "../leads/reference.js"
import { Audience } from "./audience.js"
import { Check } from "./check.js"
import { Message } from "./message.js"
import { usePlan } from "./plan.js"
import { t } from "./words.js"

const STEPS = ["people", "message", "check"]
const to = (step) => go(`/broadcasts/new?step=${step}`)

export default function NewBroadcast({ query }) {
  const reference = useReference()
  const numbers = useNumbers()
  const read = useQuery(`broadcast-templates ${org.value.id}`, () => recallTeam("templates").then(() => true))
  const [plan, change] = usePlan(query.f)
  const number = numbers.data?.find(({ id }) => id === plan.number) ?? numbers.data?.[0]
  const template = number && templates.value.find(({ id, account_id: account }) => id === plan.template && account === number.account_id)
  const isWritten = Boolean(template && plan.values && isFilled(template, plan.values))
  const wanted = STEPS.includes(query.step) ? query.step : "people"
  const step = wanted === "check" && !isWritten ? "message" : wanted
  const known = reference.data && numbers.data && read.data
  const failed = reference.problem ? reference : numbers
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${t("leave")} onClick=${() => go("/broadcasts")} /><h1 class="clip">${t("new")}</h1></header>
    <ol class="campaign-steps" aria-label=${t("steps")}>${STEPS.map((name, at) => html`<li key=${name}><button type="button" aria-current=${name === step ? "step" : undefined} disabled=${name === "check" && !isWritten} onClick=${() => to(name)}>
      <span class="step-at" aria-hidden="true">${at < STEPS.indexOf(step) ? html`<${Icon} name="Check" size=${14} />` : at + 1}</span><span>${t(`step_${name}`)}</span></button></li>`)}</ol>
    <div class="body" key=${step}>${!known
      ? html`<div class="narrow"><${Loaded} query=${{ data: undefined, problem: failed.problem }} retry=${() => { recall(); refresh("numbers ") }} lines=${8} /></div>`
      : !number ? html`<${NoNumber} />`
      : step === "people" ? html`<${Audience} plan=${plan} change=${change} reference=${reference.data} onNext=${() => to("message")} />`
      : step === "message" ? html`<${Message} plan=${plan} change=${change} numbers=${numbers.data} number=${number} template=${template} isWritten=${isWritten} onNext=${() => to("check")} onBack=${() => to("people")} />`
      : html`<${Check} plan=${plan} change=${change} reference=${reference.data} number=${number} template=${template} onBack=${() => to("message")} />`}</div>`
}

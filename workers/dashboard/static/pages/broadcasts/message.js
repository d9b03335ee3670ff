// message.js: the second step: the number, the template, and where its values come from, beside what people will see.
import { html } from "../../vendor/vendor.js"
import { Button, Chip, Field, Notice, Select } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Mapping, mappingOf, valuesOf } from "../campaigns/mapping.js"
import { numberWords } from "../campaigns/numbers.js"
import { t as shared } from "../campaigns/words.js"
import { TemplateList, usePreview } from "../inbox/template.js"
import { Look } from "../templates/look.js"
import { categoryWords } from "../inbox/words.js"
import { nameOf } from "../leads/parts.js"
import { useSample } from "./audience.js"
import { leadsOf } from "./plan.js"
import { t } from "./words.js"

export function Message({ plan, change, numbers, number, template, isWritten, onNext, onBack }) {
  const choose = (chosen) => change({ template: chosen.id, values: valuesOf(chosen) })
  return html`<div class=${template ? "broad stack" : "narrow stack"}>
    <h2>${t("what")}</h2>
    ${numbers.length > 1 && html`<${Field} label=${shared("number")}>${(props) => html`<${Select} ...${props} value=${number.id} options=${numbers.map((one) => [one.id, numberWords(one)])} onChange=${(event) => change({ number: event.target.value })} />`}<//>`}
    ${template && plan.values
      ? html`<${Filled} key=${template.id} ...${{ plan, change, number, template, isWritten, onNext, onBack }} />`
      : html`<${TemplateList} account=${number.account_id} onChoose=${choose} /><div class="step-actions"><${Button} icon="ArrowLeft" onClick=${onBack}>${t("previous")}<//></div>`}
  </div>`
}

function Filled({ plan, change, number, template, isWritten, onNext, onBack }) {
  const sample = useSample(leadsOf(plan)).data?.[0]
  const { seen, problem, isReady } = usePreview(template, { mapping: mappingOf(template, plan.values), lead_id: sample?.id ?? null })
  return html`<div class="template-form">
      <section class="card stack">
        <div class="row"><strong class="clip grow"><bdi>${template.name}</bdi></strong><${Chip}>${template.language}<//><${Chip} kind=${template.category === "MARKETING" ? "warn" : "info"}>${categoryWords(template.category.toLowerCase())}<//></div>
        <${Mapping} template=${template} values=${plan.values} number=${number.id} onChange=${(values) => change({ values })} />
        <div><${Button} kind="quiet" icon="RefreshCw" onClick=${() => change({ template: "", values: null })}>${shared("change")}<//></div>
      </section>
      <section class="stack tight seen"><h3 class="wrap">${sample ? shared("previewOf", { name: nameOf(sample) }) : shared("preview")}</h3>
        <${Look} ...${seen ?? { body: "…" }} />
        ${problem && html`<${Notice} kind="bad">${problem.words}<//>`}
        ${isWritten && seen?.problem && html`<${Notice} kind="warn">${seen.problem}<//>`}
        ${!isWritten && html`<p class="small soft">${shared("fillAll")}</p>`}</section>
    </div>
    <div class="step-actions"><${Button} icon="ArrowLeft" onClick=${onBack}>${t("previous")}<//>
      <${Button} kind="primary" disabled=${!isWritten || !isReady} onClick=${onNext}>${t("next")}<${Icon} name="ArrowRight" size=${16} /><//></div>`
}

// step.js: one step in the form: how long it waits for an answer, and what it then sends.
import { html } from "../../vendor/vendor.js"
import { money } from "../../lib/formats.js"
import { Button, Chip, Field, IconButton, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Mapping, mappingOf, valuesOf } from "../campaigns/mapping.js"
import { t as shared } from "../campaigns/words.js"
import { TemplateList, usePreview } from "../inbox/template.js"
import { Look } from "../templates/look.js"
import { categoryWords } from "../inbox/words.js"
import { t } from "./words.js"

const choose = (account) => show((close) => html`<${Dialog} title=${t("choose")} isWide onClose=${() => close()}><${TemplateList} account=${account} onChoose=${close} onLeave=${() => close()} /><//>`)

/** step: {count, unit, found: the template, values}; price: of one message, or undefined. */
export function Step({ step, at, many, number, price, wrong, onChange, onMove, onDrop }) {
  const { found, values, count, unit } = step
  const n = at + 1
  const pick = async () => {
    const template = await choose(number.account_id)
    if (template) onChange({ template: template.id, values: valuesOf(template), gone: null })
  }
  return html`<section class="card stack">
    <div class="row"><span class="step-at" aria-hidden="true">${n}</span><h2 class="grow">${t("step", { n })}</h2>
      <${IconButton} icon="ChevronUp" size=${18} label=${t("up", { n })} disabled=${at === 0} onClick=${() => onMove(-1)} /><${IconButton} icon="ChevronDown" size=${18} label=${t("down", { n })} disabled=${n === many} onClick=${() => onMove(1)} />
      <${IconButton} icon="Trash2" size=${18} label=${t("drop", { n })} onClick=${onDrop} /></div>
    <${Field} label=${t("wait")} wrong=${wrong.wait}>${(props) => html`<div class="wait-row"><input ...${props} inputmode="numeric" maxlength="4" autocomplete="off" value=${count} onInput=${(event) => onChange({ count: event.target.value.trim() })} />
      <${Select} aria-label=${t("unit", { n })} value=${unit} options=${[["hours", t("hours")], ["days", t("days")]]} onChange=${(event) => onChange({ unit: event.target.value })} /></div>`}<//>
    ${found ? html`<div class="row breaks"><strong class="clip"><bdi>${found.name}</bdi></strong><${Chip}>${found.language}<//><${Chip} kind=${found.category === "MARKETING" ? "warn" : "info"}>${categoryWords(found.category.toLowerCase())}<//>
        <span class="grow"></span><${Button} kind="quiet" icon="RefreshCw" aria-label=${`${t("chooseFor", { n })}: ${shared("change")}`} onClick=${pick}>${shared("change")}<//></div>
      <${Content} key=${found.id} template=${found} values=${values} number=${number} onChange=${onChange} />
      ${price && html`<p class="small soft numbers">${t("price", { price: money(price.high, price.currency, 4) })}</p>`}`
      : html`<div><${Button} icon="FileText" aria-label=${t("chooseFor", { n })} onClick=${pick}>${t("choose")}<//></div>`}
    ${wrong.template && html`<${Notice} kind="bad">${wrong.template}<//>`}${wrong.values && html`<${Notice} kind="bad">${wrong.values}<//>`}
  </section>`
}

function Content({ template, values, number, onChange }) {
  const { seen } = usePreview(template, { mapping: mappingOf(template, values) })
  return html`<div class="template-form"><div class="stack"><${Mapping} template=${template} values=${values} number=${number.id} onChange=${(next) => onChange({ values: next })} /></div><${Look} ...${seen ?? { body: "…" }} /></div>`
}

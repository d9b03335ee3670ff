// rule-editor.js: a rule being made or changed: which leads, which template, what stands in it, when; with the message beside it.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Check, Empty, Field, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { isFilled, Mapping, mappingOf, valuesOf } from "../campaigns/mapping.js"
import { t as shared } from "../campaigns/words.js"
import { priceOf, usePrices } from "../templates/prices.js"
import { languageName } from "../templates/words.js"
import { accountOf, again, canSend } from "./data.js"
import { Preview } from "./preview.js"
import { States } from "./states.js"
import { t } from "./words.js"

/** A new rule is whole from the beginning: what no name tells is guessed all the same. */
export const likeliest = (part, at) => (part === "buttons" ? "product" : ["name", "product"][at] ?? "organization")
const TYPES = ["W", "P", "WA", "B"]
const DELAYS = [0, 5, 15, 60, 240, 1440]
const GREETED = ["indiamart", "form", "sheet", "upload", "api", "manual", "whatsapp"]

/** Opens the dialog; rule null: a new one. */
export const edit = (greeting, rule) => show((close) => html`<${Dialog} title=${t(rule ? "changeRule" : "newRule")} isWide onClose=${() => close()}><${Form} ...${{ greeting, rule, close }} /><//>`)

/** A choice of leads: "indiamart", "others", or the id of a source. */
const choiceOf = (rule) => (!rule ? "indiamart" : rule.source_id ?? (rule.lead_types.length ? "indiamart" : "others"))

function begin(greeting, rule) {
  const usable = greeting.templates.find((template) => canSend(template) && template.account_id === accountOf(greeting, rule?.number_id))
  return {
    leads: choiceOf(rule), types: rule?.lead_types.length ? rule.lead_types : ["W", "P", "WA"], number: rule?.number_id ?? "",
    template: rule?.template_name ?? usable?.name ?? "", language: rule?.language ?? usable?.language ?? "", languages: rule?.languages ?? {}, minutes: rule?.minutes ?? 0,
    mapping: rule?.mapping ?? null,
  }
}

function Leads({ given, set, sources, isDefault }) {
  const source = sources.find(({ id }) => id === given.leads)
  const isTyped = given.leads === "indiamart" || source?.kind === "indiamart"
  const options = [["indiamart", t("sourceIndiamart")], ["others", t("sourceOthers")], ...(isDefault ? [] : sources.filter((one) => GREETED.includes(one.kind) && (!one.disconnected_at || one.id === given.leads)).map((one) => [one.id, one.name]))]
  return html`<${Field} label=${t("forWhom")} help=${["sheet", "upload"].includes(source?.kind) ? t("sheetHelp") : undefined}>${(props) => html`<${Select} ...${props} value=${given.leads} options=${options} onChange=${(event) => set({ leads: event.target.value })} />`}<//>
    ${isTyped && html`<fieldset><legend class="hidden-visually">${t("types")}</legend><div class="greeting-types">${TYPES.map((type) => html`<${Check} key=${type} label=${t(`tick_${type}`)} checked=${given.types.includes(type)}
      onChange=${(event) => set({ types: event.target.checked ? [...given.types, type] : given.types.filter((one) => one !== type) })} />`)}</div>${!given.types.length && html`<p class="small danger">${t("typesMissing")}</p>`}</fieldset>`}`
}

function Form({ greeting, rule, close }) {
  const prices = usePrices()
  const [given, setGiven] = useState(() => begin(greeting, rule))
  const [problem, setProblem] = useState(null)
  const set = (more) => { setGiven((now) => ({ ...now, ...more })); setProblem(null) }
  const { sources, numbers } = greeting
  const account = accountOf(greeting, given.number || null)
  const usable = greeting.templates.filter((template) => template.account_id === account && (canSend(template) || (template.name === rule?.template_name && template.language === rule?.language)))
  const names = [...new Set(usable.map(({ name }) => name))]
  const languages = usable.filter(({ name }) => name === given.template)
  const template = languages.find(({ language }) => language === given.language)
  const values = template && valuesOf(template, given.mapping, likeliest)
  const mapping = template ? mappingOf(template, values) : null
  const source = sources.find(({ id }) => id === given.leads)
  const isTyped = given.leads === "indiamart" || source?.kind === "indiamart"
  const lead = useQuery(`greeting-lead ${org.value.id} ${source?.id ?? ""}`, async () => {
    const [found] = await rows("leads", (query) => {
      const newest = query.select("id, contact_id").order("received_at", { ascending: false }).order("id", { ascending: false }).limit(1)
      return source ? newest.eq("source_id", source.id) : newest
    })
    if (!found) return null
    const [contact] = await rows("contacts", (query) => query.select("name").eq("id", found.contact_id))
    return { id: found.id, name: contact?.name }
  })
  if (!usable.length) return html`<${Empty} icon="FileText" title=${t("noTemplates")} action=${html`<a class="button primary" href="/templates/new" onClick=${() => close()}>${t("toTemplates")}</a>`}>${t("noTemplatesText")}<//>`
  const isWritten = template && isFilled(template, values)
  const isReady = isWritten && (!isTyped || given.types.length > 0)
  const chooseName = (name) => {
    const found = usable.filter((one) => one.name === name)
    set({ template: name, language: (found.find(({ language }) => language === given.language) ?? found[0])?.language ?? "", languages: {}, mapping: null })
  }
  const save = async () => {
    const chosen = {
      source: source?.id ?? null, lead_types: isTyped ? given.types : [], template: given.template, language: given.language, languages: given.languages, mapping,
      number: numbers.find(({ id }) => id === given.number)?.phone_number_id ?? null, delay_minutes: given.minutes,
    }
    if (rule?.is_default) delete chosen.source
    try {
      // The first rule would switch the greeting on: that is said and decided apart, with its price.
      if (greeting.isNew) await rpc("set_greeting", { setting: { on: false } })
      await rpc("save_greeting_rule", { rule: chosen, rule_id: rule?.id ?? null })
      close()
      say(t("saved"))
    } catch (error) {
      setProblem(asProblem(error).words)
    } finally {
      again()
    }
  }
  const delays = [...new Set([...DELAYS, given.minutes])].sort((a, b) => a - b)
  return html`<div class="template-form"><div class="stack">
      <${Leads} ...${{ given, set, sources }} isDefault=${rule?.is_default} />
      ${numbers.length > 1 && html`<${Field} label=${t("number")}>${(props) => html`<${Select} ...${props} value=${given.number} onChange=${(event) => set({ number: event.target.value })} options=${[["", t("numberFirst")], ...numbers.map(({ id, display_phone: phone }) => [id, phone])]} />`}<//>`}
      <${Field} label=${t("template")}>${(props) => html`<${Select} ...${props} value=${given.template} onChange=${(event) => chooseName(event.target.value)} options=${[...(names.includes(given.template) ? [] : [["", t("chooseTemplate")]]), ...names.map((name) => [name, name])]} />`}<//>
      ${languages.length > 1 && html`<${Field} label=${t("templateLanguage")}>${(props) => html`<${Select} ...${props} value=${given.language} onChange=${(event) => set({ language: event.target.value })} options=${languages.map(({ language }) => [language, languageName(language)])} />`}<//>`}
      <${Field} label=${t("delay")}>${(props) => html`<${Select} ...${props} value=${String(given.minutes)} onChange=${(event) => set({ minutes: Number(event.target.value) })} options=${delays.map((minutes) => [String(minutes), DELAYS.includes(minutes) ? t(`delay_${minutes}`) : t("delayOther", { n: minutes })])} />`}<//>
      ${template && html`<fieldset class="stack"><legend class="greeting-legend">${t("values")}</legend>
        <${Mapping} key=${template.id} ...${{ template, values }} number=${(numbers.find(({ id }) => id === given.number) ?? numbers[0])?.id} onChange=${(next) => set({ mapping: mappingOf(template, next) })} /></fieldset>
        ${languages.length > 1 && html`<${States} value=${given.languages} options=${languages.filter((one) => canSend(one) && one.language !== given.language)} onChange=${(next) => set({ languages: next })} />`}`}
    </div>
    <div class="stack tight">${template && html`<h3>${t("preview")}</h3><${Preview} ...${{ template, mapping }} lead=${lead.data} />${!isWritten && html`<p class="small soft">${shared("fillAll")}</p>`}
      ${priceOf(prices, template.category) && html`<p class="row"><strong>${t("priceIs", { price: priceOf(prices, template.category) })}</strong></p>`}`}</div></div>
    ${problem && html`<${Notice} kind="bad">${problem}<//>`}
    <div class="actions greeting-actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!isReady} onClick=${save}>${t(greeting.isOn || rule ? "save" : "saveOff")}<//></div>`
}

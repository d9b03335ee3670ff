// edit.js: a sequence is made or changed: its name, who comes into it, and its steps.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { Button, Empty, Field, IconButton, Loaded, Notice, Select } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { isFilled, mappingOf, valuesOf } from "../campaigns/mapping.js"
import { NoNumber, numberWords, useNumbers } from "../campaigns/numbers.js"
import { t as shared } from "../campaigns/words.js"
import { recall, templates } from "../inbox/team.js"
import { sourceLabel } from "../leads/parts.js"
import { recall as recallReference, useReference } from "../leads/reference.js"
import { recallSequences, useSequences } from "./parts.js"
import { usePrices, WholePrice } from "./prices.js"
import { Step } from "./step.js"
import { t } from "./words.js"

const MOST = 10
let last = 0
/** A step as the form has it; it keeps its key when it moves. */
const stepOf = (given, account) => {
  const template = given && templates.value.find((one) => one.account_id === account && one.name === given.template && one.language === given.language)
  const hours = given?.after_hours ?? 24
  return { key: ++last, count: String(hours % 24 ? hours : hours / 24), unit: hours % 24 ? "hours" : "days", gone: given && !template ? given.template : null, template: template?.id ?? "", values: template ? valuesOf(template, given.mapping) : null }
}

export default function EditSequence({ params: { id } }) {
  const sequences = useSequences()
  const reference = useReference()
  const numbers = useNumbers()
  const known = useQuery(`sequence-templates ${org.value.id}`, () => recall("templates").then(() => true))
  const sequence = id && sequences.data?.find((one) => one.sequence_id === id)
  const leave = () => go(id ? `/sequences/${id}` : "/sequences")
  const all = [sequences, reference, numbers, known]
  const isKnown = all.every(({ data }) => data !== undefined)
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${shared("back")} onClick=${leave} /><h1 class="clip">${t(id ? "editTitle" : "newTitle")}</h1></header>
    <div class="body">${!isKnown ? html`<div class="narrow"><${Loaded} query=${{ data: undefined, problem: all.find(({ problem }) => problem)?.problem }} retry=${() => { recallSequences(); recallReference() }} lines=${8} height=${32} /></div>`
      : id && !sequence ? html`<${Empty} icon="CircleHelp" title=${t("unknown")} action=${html`<a class="button" href="/sequences">${t("toList")}</a>`}>${t("unknownText")}<//>`
      : !numbers.data.length ? html`<${NoNumber} />`
      : html`<${Form} key=${id} sequence=${sequence} reference=${reference.data} numbers=${numbers.data} leave=${leave} />`}</div>`
}

function Form({ sequence, reference, numbers, leave }) {
  const [given, setGiven] = useState(() => {
    const number = numbers.find((one) => one.phone_number_id === sequence?.number) ?? numbers[0]
    return { name: sequence?.name ?? "", source: sequence?.source ?? "", number: sequence?.number ?? "", steps: sequence ? sequence.steps.map((step) => stepOf(step, number.account_id)) : [stepOf(null)] }
  })
  const [isTried, setTried] = useState(false)
  const [refusal, setRefusal] = useState(null)
  const set = (part) => { setGiven((now) => ({ ...now, ...part })); setRefusal(null) }
  const number = numbers.find((one) => one.phone_number_id === given.number) ?? numbers[0]
  const steps = given.steps.map((step) => ({ ...step, found: templates.value.find((one) => one.id === step.template && one.account_id === number.account_id) }))
  const prices = usePrices(steps.map(({ found }) => found).filter(Boolean), number.id)
  const wrongOf = ({ count, unit, found, values, gone }) => ({
    wait: /^[1-9]\d{0,3}$/.test(count) && Number(count) * (unit === "days" ? 24 : 1) <= 2160 ? null : t("waitWrong"),
    template: found ? null : gone ? t("templateGone", { name: gone }) : t("templateMissing"),
    values: found && !isFilled(found, values) ? t("valuesMissing") : null,
  })
  const wrong = steps.map(wrongOf)
  const isWrong = !given.name.trim() || !steps.length || wrong.some((one) => Object.values(one).some(Boolean))
  const change = (at, part) => set({ steps: given.steps.map((step, index) => (index === at ? { ...step, ...part } : step)) })
  const move = (at, by) => { const next = [...given.steps]; [next[at], next[at + by]] = [next[at + by], next[at]]; set({ steps: next }) }
  const save = async () => {
    setTried(true)
    if (isWrong) return
    try {
      const saved = await rpc("save_sequence", { sequence_id: sequence?.sequence_id ?? null, sequence: {
        name: given.name.trim(), source: given.source || null, number: given.number || null, ...(!sequence && { on: true }),
        steps: steps.map(({ count, unit, found, values }) => ({ [`after_${unit}`]: Number(count), template: found.name, language: found.language, mapping: mappingOf(found, values) })),
      } })
      recallSequences()
      say(t("saved"))
      go(`/sequences/${saved.sequence_id}`, { replace: true })
    } catch (error) {
      setRefusal(asProblem(error).words)
    }
  }
  return html`<form class="broad stack" onSubmit=${(event) => event.preventDefault()}>
    ${sequence?.people.active > 0 && html`<${Notice}>${t("changeText", { n: sequence.people.active })}<//>`}
    <section class="card stack">
      <${Field} label=${t("name")} help=${t("nameHelp")} wrong=${isTried && !given.name.trim() && t("nameMissing")}>${(props) => html`<input ...${props} maxlength="120" autocomplete="off" placeholder=${t("nameExample")} value=${given.name} onInput=${(event) => set({ name: event.target.value })} />`}<//>
      <${Field} label=${t("who")} help=${given.source ? t("whoHelp") : undefined}>${(props) => html`<${Select} ...${props} value=${given.source} options=${[["", t("hand")], ...reference.sources.map((source) => [source.id, t("source", { source: sourceLabel(source) })])]} onChange=${(event) => set({ source: event.target.value })} />`}<//>
      ${numbers.length > 1 && html`<${Field} label=${shared("number")}>${(props) => html`<${Select} ...${props} value=${number.phone_number_id} options=${numbers.map((one) => [one.phone_number_id, numberWords(one)])} onChange=${(event) => set({ number: event.target.value })} />`}<//>`}
    </section>
    <ol class="stack">${steps.map((step, at) => html`<li key=${step.key}><${Step} ...${{ step, at, number, price: prices.get(step.template), wrong: isTried ? wrong[at] : {} }} many=${steps.length} onChange=${(part) => change(at, part)} onMove=${(by) => move(at, by)} onDrop=${() => set({ steps: given.steps.filter((_, index) => index !== at) })} /></li>`)}</ol>
    ${steps.length < MOST && html`<div><${Button} icon="Plus" onClick=${() => set({ steps: [...given.steps, stepOf(null)] })}>${t("addStep")}<//></div>`}
    ${isTried && !steps.length && html`<p class="wrong danger small">${t("noSteps")}</p>`}
    <${WholePrice} steps=${steps} prices=${prices} />
    <p class="soft small">${t("rules")}: ${["replied", "optout", "closed"].map((name) => t(`rule_${name}`)).join(" · ")}. ${t("ruleQuiet")}</p>
    ${refusal && html`<${Notice} kind="bad">${refusal}<//>`}
    <div class="step-actions"><${Button} onClick=${leave}>${t("cancel")}<//><${Button} kind="primary" icon="Save" onClick=${save}>${t(sequence ? "save" : "saveOn")}<//></div>
  </form>`
}

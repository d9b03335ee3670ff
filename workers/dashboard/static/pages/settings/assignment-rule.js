// assignment-rule.js: a rule in a dialog: which leads it is for, and to whom they go.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Check, Field, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { asInput, FieldInput, fromInput } from "../leads/fields.js"
import { sourceLabel } from "../leads/parts.js"
import { OUTSIDE } from "./assignment-group.js"
import { capital } from "./assignment-said.js"
import { t } from "./assignment-words.js"

const KINDS = ["indiamart", "form", "sheet", "whatsapp", "upload", "manual"]
const NOTHING = { name: "", is_on: true, source_kinds: [], source_ids: [], states: [], cities: [], products: [], tag_ids: [], custom: {}, target: "group", user_id: null, group_id: null, outside_hours: "wait" }
const WORDS = ["states", "cities", "products"]
const list = (text) => text.split(/[,\n]/).map((word) => word.trim()).filter(Boolean)

/** Makes a rule or changes one; gives true when it was saved. */
export const askRule = (rule, known) => show((close) => html`<${Form} ...${{ rule, ...known, close }} />`)

function Form({ rule, groups, reference, close }) {
  const [given, setGiven] = useState(() => {
    const { id: _, ...begun } = rule ?? { ...NOTHING, ...(groups.length ? { group_id: groups[0].id } : { target: "member", user_id: reference.me }) }
    return { ...begun, ...Object.fromEntries(WORDS.map((name) => [name, begun[name].map(name === "products" ? (word) => word : capital).join(", ")])) }
  })
  const [wrong, setWrong] = useState(null)
  const put = (change) => { setGiven((now) => ({ ...now, ...change })); setWrong(null) }
  const toggle = (name, value) => put({ [name]: given[name].includes(value) ? given[name].filter((other) => other !== value) : [...given[name], value] })
  const chip = (name, value, label, colour) => html`<button type="button" class="chip" key=${value} aria-pressed=${given[name].includes(value)} onClick=${() => toggle(name, value)}>${colour !== undefined && html`<span class="dot" style=${colour ? { background: colour } : {}}></span>`}<bdi class="clip">${label}</bdi></button>`
  const text = (name) => html`<${Field} label=${t(name)} help=${t(`${name}Help`)}>${(props) => html`<input ...${props} autocomplete="off" value=${given[name]} onInput=${(event) => put({ [name]: event.target.value })} />`}<//>`
  const to = given.target === "nobody" ? "nobody" : `${given.target}:${given[given.target === "group" ? "group_id" : "user_id"] ?? ""}`
  const aim = (value) => {
    const [target, id] = value.split(":")
    put({ target, user_id: target === "member" ? id : null, group_id: target === "group" ? id : null })
  }
  const targets = [...groups.map(({ id, name }) => [`group:${id}`, t("turnsOf", { name })]), ...reference.members.map(({ id, name }) => [`member:${id}`, name]), ["nobody", t("toNobody")]]
  if (!targets.some(([value]) => value === to)) targets.unshift([to, t("toGone")])
  const fields = reference.fields.filter(({ kind }) => kind === "choice" || kind === "yes_no")
  const setCustom = (field, value) => {
    const { [field.key]: _, ...rest } = given.custom
    const meant = fromInput(field, value)
    put({ custom: meant === null ? rest : { ...rest, [field.key]: meant } })
  }
  const sources = reference.sources.filter(({ kind }) => reference.sources.filter((other) => other.kind === kind).length > 1 || given.source_ids.length)
  const save = async () => {
    try {
      await rpc("save_assignment_rule", { assignment_rule_id: rule?.id ?? null, rule: { ...given, name: given.name.trim(), ...Object.fromEntries(WORDS.map((name) => [name, list(given[name])])) } })
      close(true)
    } catch (error) {
      setWrong(asProblem(error))
    }
  }
  return html`<${Dialog} title=${rule ? t("change", { name: rule.name }) : t("newRule")} onClose=${() => close()}>
    <form class="stack rule-form" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <${Field} label=${t("ruleName")}>${(props) => html`<input ...${props} maxlength="60" autocomplete="off" placeholder=${t("ruleExample")} value=${given.name} onInput=${(event) => put({ name: event.target.value })} />`}<//>
      <${Field} label=${t("goesTo")}>${(props) => html`<${Select} ...${props} value=${to} options=${targets} onChange=${(event) => aim(event.target.value)} />`}<//>
      ${given.target === "member" && html`<${Field} label=${t("outside")} help=${t("outsideHelp")}>${(props) => html`<${Select} ...${props} value=${given.outside_hours} options=${OUTSIDE.map((key) => [key, t(`outside_${key}`)])} onChange=${(event) => put({ outside_hours: event.target.value })} />`}<//>`}
      <h3>${t("forWhich")}</h3><p class="small soft">${t("forWhichText")}</p>
      <fieldset><legend>${t("comesFrom")}</legend><div class="row breaks">${KINDS.map((kind) => chip("source_kinds", kind, t(`source_${kind}`)))}</div></fieldset>
      ${sources.length > 0 && html`<fieldset><legend>${t("exactly")}</legend><div class="row breaks">${sources.map((source) => chip("source_ids", source.id, sourceLabel(source)))}</div></fieldset>`}
      ${text("states")}${text("cities")}${text("products")}
      ${reference.tags.length > 0 && html`<fieldset><legend>${t("tags")}</legend><div class="row breaks">${reference.tags.map((tag) => chip("tag_ids", tag.id, tag.name, tag.colour))}</div></fieldset>`}
      ${fields.map((field) => html`<${Field} key=${field.key} label=${field.label}>${(props) => html`<${FieldInput} ...${props} field=${field} value=${asInput(field, given.custom[field.key])} onInput=${(value) => setCustom(field, value)} />`}<//>`)}
      <${Check} label=${t("isOn")} checked=${given.is_on} onChange=${(event) => put({ is_on: event.target.checked })} />
      ${wrong && html`<${Notice} kind="bad"><span class="wrap">${[wrong.words, wrong.hint].filter(Boolean).join(" ")}</span><//>`}
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!given.name.trim() || to.endsWith(":")} onClick=${save}>${t("save")}<//></div></form><//>`
}

// costs.js: what the organization pays for its sources, entered by admins.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Empty, Field, IconButton, Loaded, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { usePages } from "../../lib/paged.js"
import { amount as asAmount } from "../leads/parts.js"
import { monthWords } from "./period.js"
import { t } from "./words.js"

const PAGE = 30
const KINDS = ["package", "advertising", "other"]

async function read(next) {
  const items = await rows("source_costs", (query) => {
    const asked = query.select("id, source_id, kind, first_month, months, amount, currency, note").order("first_month", { ascending: false }).order("id", { ascending: false }).limit(PAGE)
    return next ? asked.or(`first_month.lt.${next.first_month},and(first_month.eq.${next.first_month},id.lt.${next.id})`) : asked
  })
  return { items, next: items.length === PAGE ? items.at(-1) : null }
}

const save = (cost, id = null) => rpc("save_source_cost", { source_id: cost.source_id, first_month: cost.first_month.slice(0, 7), months: cost.months, amount: cost.amount, currency: cost.currency, kind: cost.kind, note: cost.note, cost_id: id })

export function Costs({ sources }) {
  const list = usePages("source-costs", read)
  const again = () => { list.again(); refresh("reports/returns") }
  const edit = async (cost) => { if (await show((close) => html`<${Editing} cost=${cost} sources=${sources.list} close=${close} />`)) { again(); say(t("saved")) } }
  const remove = async (cost) => {
    const removed = await rpc("delete_source_cost", { cost_id: cost.id }) // as it was last, which need not be what is shown
    list.change((items) => items.filter(({ id }) => id !== cost.id))
    refresh("reports/returns")
    say(t("removed"), { action: { label: t("undo"), run: () => save(removed).then(again) } })
  }
  const add = may("admin") && sources.list.length > 0 && html`<${Button} icon="Plus" onClick=${() => { edit(null) }}>${t("addCost")}<//>`
  return html`<section class="card stack"><div class="row between breaks"><h2>${t("costs")}</h2>${list.items.length > 0 && add}</div><p class="soft">${t("costsText")}</p>
    ${list.problem && list.isFresh ? html`<${Loaded} query=${{ problem: list.problem }} retry=${list.again} />`
      : list.isFresh ? html`<${Loaded} query=${{}} lines=${2} height=${40} />`
      : !list.items.length ? html`<${Empty} icon="Wallet" title=${t("noCosts")} action=${add}>${!may("admin") && t("adminsOnly")}<//>`
      : html`<ul class="list">${list.items.map((cost) => {
        const source = sources.nameOf(cost.source_id, "…")
        return html`<li key=${cost.id} class="row cost-row"><span class="grow"><bdi class="wrap"><strong>${source}</strong> · ${t(`kind_${cost.kind}`)}</bdi><br />
          <span class="small soft wrap">${t("costLine", { from: monthWords(cost.first_month), n: cost.months })}${cost.note && ` · ${cost.note}`}</span></span>
          <strong class="numbers">${money(cost.amount, cost.currency)}</strong>
          ${may("admin") && html`<${IconButton} icon="Pencil" size=${16} label=${t("edit", { source })} onClick=${() => { edit(cost) }} /><${Remove} label=${t("remove", { source })} run=${() => remove(cost)} />`}</li>`
      })}</ul>`}
    ${!list.isFresh && !list.isEnd && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("more")}<//></div>`}
  </section>`
}

const Remove = ({ label, run }) => html`<${Button} kind="quiet danger-icon" icon="Trash2" aria-label=${label} title=${label} onClick=${run} />`

function Editing({ cost, sources, close }) {
  const [given, setGiven] = useState(cost ? { ...cost, amount: String(Number(cost.amount)), months: String(cost.months), first_month: cost.first_month.slice(0, 7), note: cost.note ?? "" }
    : { source_id: sources[0].id, kind: "package", first_month: new Date().toISOString().slice(0, 7), months: "12", amount: "", currency: "INR", note: "" })
  const [wrong, setWrong] = useState({})
  const set = (name) => (event) => { setGiven((now) => ({ ...now, [name]: event.target.value })); setWrong({}) }
  const finish = async () => {
    const amount = asAmount(given.amount)
    const months = /^\d{1,2}$/.test(given.months.trim()) ? Number(given.months) : 0
    const faults = { ...(!amount || Number(amount) === 0 ? { amount: t("amountWrong") } : {}), ...(months < 1 || months > 60 ? { months: t("monthsWrong") } : {}), ...(/^\d{4}-\d\d$/.test(given.first_month) ? {} : { first_month: t("monthWrong") }) }
    if (Object.keys(faults).length) return setWrong(faults)
    try {
      return close(await save({ ...given, amount, months, note: given.note.trim() || null }, cost?.id))
    } catch (error) {
      return setWrong({ all: asProblem(error).words })
    }
  }
  const field = (name, label, more) => html`<${Field} label=${t(label)} wrong=${wrong[name]}>${(props) => html`<input ...${props} autocomplete="off" ...${more} value=${given[name]} onInput=${set(name)} />`}<//>`
  return html`<${Dialog} title=${t(cost ? "changeCost" : "addCost")} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("source")}>${(props) => html`<${Select} ...${props} value=${given.source_id} options=${sources.map(({ id, label }) => [id, label])} onChange=${set("source_id")} />`}<//>
    <${Field} label=${t("kind")}>${(props) => html`<${Select} ...${props} value=${given.kind} options=${KINDS.map((kind) => [kind, t(`kind_${kind}`)])} onChange=${set("kind")} />`}<//>
    ${field("amount", "amount", { inputmode: "decimal" })}
    <div class="own-dates months">${field("first_month", "firstMonth", { type: "month" })}${field("months", "forMonths", { inputmode: "numeric" })}</div>
    ${field("note", "note", { maxlength: 500, placeholder: t("noteExample") })}
    ${wrong.all && html`<p class="danger" role="alert">${wrong.all}</p>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" onClick=${finish}>${t("save")}<//></div></form><//>`
}

// rules.js: the rules in the order in which they are tried, each in words and as the message that it sends.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { may } from "../../lib/session.js"
import { Button, Chip, IconButton, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { Look } from "../templates/look.js"
import { priceOf, readPrices, usePrices } from "../templates/prices.js"
import { categoryName, statusWords } from "../templates/words.js"
import { again, templateOf } from "./data.js"
import { edit } from "./rule-editor.js"
import { getsWords, ruleLook, stateWords, whoWords } from "./saying.js"
import { t } from "./words.js"

/** Calls something that changes the rules, then reads them again, also after a refusal. */
async function changed(work, words) {
  try {
    await work
    if (words) say(words)
  } finally {
    again()
  }
}

const order = (rules, id, by) => {
  const ids = rules.filter((rule) => !rule.is_default).map((rule) => rule.id)
  const at = ids.indexOf(id)
  ;[ids[at], ids[at + by]] = [ids[at + by], ids[at]]
  return changed(rpc("order_greeting_rules", { rule_ids: ids }))
}

async function remove(rule, who) {
  if (!(await confirm({ title: t("deleteTitle"), text: t("deleteText", { who }), action: t("delete"), isDanger: true }))) return
  await changed(rpc("delete_greeting_rule", { rule_id: rule.id }), t("deleted"))
}

/** A price that changed is accepted by a person; what Meta does not let go ends by itself. */
function Pause({ rule, template, prices }) {
  const resume = async () => {
    const price = priceOf(prices ?? (await readPrices()), template.category)
    if (!(await confirm({ title: t("resumeTitle"), text: price ? t("resumeText", { price }) : t("eachUnknown"), action: t("resume") }))) return
    await changed(rpc("resume_greeting", { rule_id: rule.id }), t("resumed"))
  }
  const name = rule.template_name
  if (!template) return null
  return html`<${Notice} kind="warn"><div class="stack tight">${rule.paused_for === "category"
    ? html`<p class="wrap">${t("pausedCategory", { name, from: categoryName(rule.category), to: categoryName(template.category) })}</p>${may("admin") && html`<div><${Button} onClick=${resume}>${t("resume")}<//></div>`}`
    : html`<p class="wrap">${t("pausedStatus", { name, status: statusWords(template) })}</p><div><a class="button" href="/templates/${template.id}">${t("toTemplate")}</a></div>`}</div><//>`
}

function Rule({ rule, greeting, prices, at, count }) {
  const template = templateOf(greeting, rule)
  const who = whoWords(rule, greeting.sources)
  const number = rule.number_id && greeting.numbers.length > 1 && greeting.numbers.find(({ id }) => id === rule.number_id)
  const items = [
    { label: t("edit"), icon: "Pencil", run: () => edit(greeting, rule) },
    { label: t(rule.is_on ? "turnOff" : "turnOn"), icon: rule.is_on ? "CirclePause" : "CirclePlay", run: () => changed(rpc("save_greeting_rule", { rule_id: rule.id, rule: { on: !rule.is_on } }), t("saved")) },
    !rule.is_default && at > 0 && { label: t("up"), icon: "ChevronUp", run: () => order(greeting.rules, rule.id, -1) },
    !rule.is_default && at < count - 1 && { label: t("down"), icon: "ChevronDown", run: () => order(greeting.rules, rule.id, 1) },
    { label: t("delete"), icon: "Trash2", isDanger: true, run: () => remove(rule, who) },
  ]
  return html`<li class="card stack tight ${rule.is_on ? "" : "greeting-off"}">
    <div class="row greeting-rule-head"><h3 class="wrap grow">${who}</h3>
      ${rule.paused_reason ? html`<${Chip} kind="warn" icon="CirclePause">${t("paused")}<//>` : !rule.is_on && html`<${Chip}>${t("ruleOff")}<//>`}${rule.is_default && count > 0 && html`<${Chip}>${t("default")}<//>`}
      ${may("admin") && html`<${Menu} label=${t("more")} items=${items} trigger=${(props) => html`<${IconButton} icon="EllipsisVertical" label="${t("more")}: ${who}" ...${props} />`} />`}</div>
    <p class="wrap soft">${getsWords(rule)} ${stateWords(rule).join(" ")}${number && ` ${t("from", { number: number.display_phone })}`}</p>
    ${rule.paused_reason && html`<${Pause} ...${{ rule, template, prices }} />`}
    ${template ? html`<${Look} ...${ruleLook(template, rule.mapping)} />` : html`<${Notice} kind="bad">${t("templateGone", { name: rule.template_name })}<//>`}
    ${rule.paused_for !== "category" && html`<p class="small soft">${categoryName(rule.category)}${priceOf(prices, rule.category) && ` · ${t("priceIs", { price: priceOf(prices, rule.category) })}`}</p>`}
  </li>`
}

export function Rules({ greeting }) {
  const prices = usePrices()
  const count = greeting.rules.filter((rule) => !rule.is_default).length
  return html`<section class="stack"><div class="row between breaks"><div><h2>${t("rules")}</h2>${greeting.rules.length > 1 && html`<p class="soft">${t("rulesText")}</p>`}</div>
      ${may("admin") && greeting.numbers.length > 0 && html`<${Button} icon="Plus" onClick=${() => edit(greeting, null)}>${t("newRule")}<//>`}</div>
    <ol class="stack">${greeting.rules.map((rule, at) => html`<${Rule} key=${rule.id} ...${{ rule, greeting, prices, at, count }} />`)}</ol></section>`
}

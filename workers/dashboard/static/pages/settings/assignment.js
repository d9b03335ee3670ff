// assignment.js: to whom new leads go: rules in order, people who take turns, leads that nobody has, and what the rules would have done.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Button, Chip, IconButton, Loaded } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { recall, useReference } from "../leads/reference.js"
import { askGroup } from "./assignment-group.js"
import { askRule } from "./assignment-rule.js"
import { DryRun, Unassigned } from "./assignment-leads.js"
import { conditionsOf, targetOf } from "./assignment-said.js"
import { t } from "./assignment-words.js"

const key = () => `assignment ${org.value.id}`

async function read() {
  const [rules, groups, members] = await Promise.all([
    rows("assignment_rules", (query) => query.select("id, name, is_on, source_kinds, source_ids, states, cities, products, tag_ids, custom, target, user_id, group_id, outside_hours").order("position").order("id")),
    rows("assignment_groups", (query) => query.select("id, name, outside_hours").order("name")),
    rows("assignment_members", (query) => query.select("group_id, user_id, last_turn, leads").order("last_turn").order("user_id")),
  ])
  return { rules, groups: groups.map((group) => ({ ...group, members: members.filter(({ group_id: id }) => id === group.id) })) }
}

const changed = (words = t("saved")) => { refresh(key()); say(words) }
/** What save_assignment_rule takes of a rule as it is read. */
const asGiven = ({ id: _, ...rule }) => rule

function Rules({ known, reference }) {
  const { rules, groups } = known
  const order = async (from, by) => {
    const ids = rules.map(({ id }) => id)
    ;[ids[from], ids[from + by]] = [ids[from + by], ids[from]]
    await rpc("order_assignment_rules", { rule_ids: ids }).catch(complain)
    refresh(key())
  }
  const turn = async (rule) => { await rpc("save_assignment_rule", { assignment_rule_id: rule.id, rule: { ...asGiven(rule), is_on: !rule.is_on } }).catch(complain); refresh(key()) }
  const edit = async (rule) => { if (await askRule(rule, { groups, reference })) changed() }
  const remove = async (rule) => {
    if (!(await confirm({ title: t("deleteRule", { name: rule.name }), text: t("deleteRuleText"), action: t("delete"), isDanger: true }))) return
    await rpc("delete_assignment_rule", { assignment_rule_id: rule.id }).then(() => changed(t("deleted")), complain)
  }
  return html`<section class="card stack"><div><h3>${t("rules")}</h3><p class="soft">${t("rulesText")}</p></div>
    ${rules.length > 0 && html`<ol class="list">${rules.map((rule, at) => html`<li key=${rule.id} class="rule ${rule.is_on ? "" : "off"}"><span class="rule-number numbers" aria-hidden="true">${at + 1}.</span>
      <div class="grow"><p class="wrap"><strong>${rule.name}</strong> ${!rule.is_on && html`<${Chip}>${t("isOff")}<//>`}</p><p class="small soft wrap">${conditionsOf(rule, reference)} → ${targetOf(rule, groups, reference)}</p></div>
      <${IconButton} icon="ChevronUp" size=${16} label=${t("up", { name: rule.name })} disabled=${at === 0} onClick=${() => order(at, -1)} />
      <${IconButton} icon="ChevronDown" size=${16} label=${t("down", { name: rule.name })} disabled=${at === rules.length - 1} onClick=${() => order(at, 1)} />
      <${IconButton} icon=${rule.is_on ? "Pause" : "Play"} size=${16} label=${t(rule.is_on ? "turnOff" : "turnOn", { name: rule.name })} onClick=${() => turn(rule)} />
      <${IconButton} icon="Pencil" size=${16} label=${t("change", { name: rule.name })} onClick=${() => edit(rule)} />
      <${IconButton} icon="Trash2" size=${16} label=${t("deleteIt", { name: rule.name })} onClick=${() => remove(rule)} /></li>`)}</ol>`}
    ${!rules.some(({ is_on: isOn }) => isOn) && html`<p class="soft">${t(rules.length ? "allOff" : "noRules")}</p>`}
    <div><${Button} icon="Plus" kind=${rules.length ? "" : "primary"} onClick=${() => edit(null)}>${t("newRule")}<//></div></section>`
}

function Groups({ groups, reference }) {
  const edit = async (group) => { if (await askGroup(group, reference)) changed() }
  const remove = async (group) => {
    if (!(await confirm({ title: t("deleteGroup", { name: group.name }), text: t("deleteGroupText"), action: t("delete"), isDanger: true }))) return
    await rpc("delete_assignment_group", { group_id: group.id }).then(() => changed(t("deleted")), complain)
  }
  const name = (id) => reference.nameOf("member", id) || t("left")
  return html`<section class="card stack"><div><h3>${t("groups")}</h3><p class="soft">${t("groupsText")}</p></div>
    ${groups.length > 0 && html`<ul class="list">${groups.map((group) => html`<li key=${group.id} class="rule"><div class="grow stack tight"><p class="wrap"><strong>${group.name}</strong> <span class="small soft">· ${t(`outside_${group.outside_hours}`)}</span></p>
        ${group.members.length ? html`<div class="row breaks">${group.members.map((one, at) => html`<span class="chip" key=${one.user_id} title=${t("gotSoFar", { n: one.leads })}><${Avatar} name=${name(one.user_id)} id=${one.user_id} isSmall /><bdi class="clip">${name(one.user_id)}</bdi>${at === 0 && group.members.length > 1 && html` · ${t("isNext")}`}</span>`)}</div>` : html`<p class="small warn">${t("groupEmpty")}</p>`}</div>
      <${IconButton} icon="Pencil" size=${16} label=${t("change", { name: group.name })} onClick=${() => edit(group)} />
      <${IconButton} icon="Trash2" size=${16} label=${t("deleteIt", { name: group.name })} onClick=${() => remove(group)} /></li>`)}</ul>`}
    <div><${Button} icon="Plus" onClick=${() => edit(null)}>${t("newGroup")}<//></div></section>`
}

export default function Assignment() {
  const reference = useReference()
  const query = useQuery(key(), read)
  const both = { data: reference.data && query.data, problem: reference.problem ?? query.problem }
  return html`<${Loaded} query=${both} retry=${() => { recall(); refresh(key()) }} height=${80}>${() => html`
    <${Rules} known=${query.data} reference=${reference.data} />
    <${Groups} groups=${query.data.groups} reference=${reference.data} />
    <${DryRun} reference=${reference.data} hasRules=${query.data.rules.some(({ is_on: isOn }) => isOn)} />
    <${Unassigned} hasRules=${query.data.rules.some(({ is_on: isOn }) => isOn)} />`}<//>`
}

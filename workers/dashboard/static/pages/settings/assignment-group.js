// assignment-group.js: a group of people who take turns, in a dialog.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Check, Field, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { t } from "./assignment-words.js"

export const OUTSIDE = ["wait", "assign", "skip"]

/** Makes a group or changes one; gives true when it was saved. */
export const askGroup = (group, reference) => show((close) => html`<${Form} ...${{ group, reference, close }} />`)

function Form({ group, reference, close }) {
  const [name, setName] = useState(group?.name ?? "")
  const [people, setPeople] = useState(group?.members.map(({ user_id: id }) => id) ?? [])
  const [outside, setOutside] = useState(group?.outside_hours ?? "wait")
  const [wrong, setWrong] = useState(null)
  const toggle = (id) => setPeople(people.includes(id) ? people.filter((other) => other !== id) : [...people, id])
  const save = async () => {
    try {
      await rpc("save_assignment_group", { group_id: group?.id ?? null, name, user_ids: people, outside_hours: outside })
      close(true)
    } catch (error) {
      setWrong(asProblem(error).words)
    }
  }
  return html`<${Dialog} title=${group ? t("change", { name: group.name }) : t("newGroup")} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <${Field} label=${t("groupName")} wrong=${wrong}>${(props) => html`<input ...${props} maxlength="60" autocomplete="off" placeholder=${t("groupExample")} value=${name} onInput=${(event) => { setName(event.target.value); setWrong(null) }} />`}<//>
      <fieldset><legend class="label">${t("takeTurns")}</legend>${reference.members.map((member) => html`<${Check} key=${member.id} label=${member.name} checked=${people.includes(member.id)} onChange=${() => toggle(member.id)} />`)}</fieldset>
      <${Field} label=${t("outside")} help=${t("outsideHelp")}>${(props) => html`<${Select} ...${props} value=${outside} options=${OUTSIDE.map((key) => [key, t(`outside_${key}`)])} onChange=${(event) => setOutside(event.target.value)} />`}<//>
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!name.trim() || !people.length} onClick=${save}>${t("save")}<//></div></form><//>`
}

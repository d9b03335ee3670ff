// organization.js: its name, and leaving it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { go } from "../../lib/router.js"
import { loadOrganizations, may, org } from "../../lib/session.js"
import { Button, Field } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { Deletions } from "../welcome/deletions.js"
import { t } from "./words.js"

export default function Organization() {
  const [name, setName] = useState(org.value.name)
  const save = async () => {
    await rpc("rename_organization", { name })
    await loadOrganizations()
    say(t("saved"))
  }
  const leave = async () => {
    if (!(await confirm({ title: t("leave"), text: t("leaveText", { name: org.value.name }), action: t("leaveAction"), isDanger: true }))) return
    await rpc("leave_organization")
    await loadOrganizations()
    go("/", { replace: true })
  }
  return html`<${Deletions} /><section class="card stack">
      <${Field} label=${t("name")} help=${may("admin") ? undefined : t("adminsOnly")}>${(props) => html`<input ...${props} maxlength="120" disabled=${!may("admin")} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
      <dl class="facts"><div><dt>${t("zone")}</dt><dd>${org.value.time_zone}</dd></div><div><dt>${t("country")}</dt><dd>${org.value.country}</dd></div></dl>
      ${may("admin") && html`<div><${Button} kind="primary" disabled=${!name.trim() || name === org.value.name} onClick=${save}>${t("save")}<//></div>`}
    </section>
    <div><${Button} kind="danger" icon="LogOut" onClick=${leave}>${t("leave")}<//></div>`
}

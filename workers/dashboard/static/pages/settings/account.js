// account.js: the person themselves: as Google names them, their devices, and how to leave Flow for good.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { isExpired, person, signOut, supabase } from "../../lib/session.js"
import { fromPostgrest } from "../../lib/problems.js"
import { Avatar } from "../../ui/avatar.js"
import { isPrivate, isWanted } from "../../telemetry/views.js"
import { Button, Check, Loaded, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { t } from "./account-words.js"

async function readProfile() {
  const { data, error, status } = await supabase.from("profiles").select("email, name").eq("id", person.value.id).single()
  if (error) throw fromPostgrest(error, status)
  return data
}

function Profile() {
  const query = useQuery("my profile", readProfile)
  return html`<section class="card stack"><h3>${t("profile")}</h3>
    <${Loaded} query=${query} lines=${2} height=${24}>${({ name, email }) => html`<div class="row">
      <${Avatar} name=${name} id=${person.value.id} />
      <div class="grow"><p class="wrap"><strong><bdi>${name || t("noName")}</bdi></strong></p><p class="soft small wrap"><bdi>${email}</bdi></p></div></div>`}<//>
    <p class="soft small">${t("profileText")}</p>
  </section>`
}

function Telemetry() {
  const query = useQuery("my telemetry", () => rpcAlone("my_telemetry"))
  const set = async ({ target: { checked } }) => {
    const undo = adjust("my telemetry", (known) => ({ ...known, page_views: checked }))
    try {
      isWanted.value = (await rpcAlone("set_page_views", { wanted: checked })).page_views && !isPrivate
      say(t(checked ? "noted" : "notNoted"))
    } catch (problem) {
      undo()
      complain(problem)
    }
    refresh("my telemetry")
  }
  return html`<section class="card stack"><h3>${t("telemetry")}</h3><p class="soft wrap">${t("telemetryText")}</p>
    <${Loaded} query=${query} lines=${1} height=${44}>${({ page_views: isNoted }) => html`<${Check} label=${t("pageViews")} help=${t("pageViewsHelp")} checked=${isNoted} onChange=${set} />`}<//>
    ${isPrivate && html`<${Notice}>${t("isPrivate")}<//>`}
    <p><a href="/settings/recorded">${t("recorded")}</a></p>
  </section>`
}

const Organization = ({ one }) => html`<li class="stack tight account-organization"><strong class="wrap"><bdi>${one.name}</bdi></strong>
  ${one.obstacle ? html`<${Notice} kind="warn">${t(one.obstacle)}<//>`
    : html`<span class="small soft">${[one.open_leads && t("leads", { n: one.open_leads }), one.open_tasks && t("tasks", { n: one.open_tasks })].filter(Boolean).join(" · ") || t("nothing")}</span>`}</li>`

function Closing() {
  const query = useQuery("my closing", () => rpcAlone("my_account_closing"))
  const close = async () => {
    const { email } = person.value
    if (!(await confirm({ title: t("close"), text: t("sure"), action: t("close"), isDanger: true, typed: email }))) return
    try {
      await rpcAlone("close_account", { email })
    } catch (problem) {
      if (problem.detail !== "sign_in_again") throw problem
      isExpired.value = true // the form stands above the page; then it is pressed again
      return
    }
    await signOut()
  }
  return html`<section class="card stack"><h3>${t("close")}</h3><p class="soft wrap">${t("closeText")}</p>
    <${Loaded} query=${query} lines=${2} height=${32}>${(found) => html`${found.organizations.length > 0 && html`<h4>${t("yours")}</h4><ul class="list">${found.organizations.map((one) => html`<${Organization} key=${one.org_id} one=${one} />`)}</ul>`}
      <div><${Button} kind="danger" icon="UserX" disabled=${!found.may_close} onClick=${close}>${t("close")}<//></div>`}<//>
  </section>`
}

export default function Account() {
  return html`<${Profile} />
    <section class="card stack"><h3>${t("devices")}</h3><p class="soft wrap">${t("devicesText")}</p><div><${Button} icon="LogOut" onClick=${() => signOut("global")}>${t("everywhere")}<//></div></section>
    <${Telemetry} /><${Closing} />`
}

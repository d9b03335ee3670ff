// views.js: filters and orders that people keep under a name, for themselves or for everybody.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, person } from "../../lib/session.js"
import { Button, Check, Field } from "../../ui/basics.js"
import { confirm, Dialog, show as open } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { show } from "./where.js"
import { t } from "./words.js"

const KEY = "leads-views"
const LAYOUTS = { board: "board", table: "list" }

export const useViews = () => useQuery(KEY, () => rows("saved_views", (query) => query.select("id, name, layout, filter, sort, is_shared, owner_id").order("name").limit(300))).data ?? []

const choose = ({ id, layout, sort, filter: { pipeline = null, ...filter } }) =>
  show({ view: id, layout: layout === "board" ? "board" : "table", pipeline: Array.isArray(pipeline) ? pipeline[0] : pipeline, filter, sort, search: "" })

export function Views({ views, at }) {
  const current = views.find(({ id }) => id === at.view)
  const items = [
    { label: t("allLeads"), icon: "List", isChosen: !current, run: () => show({ view: null, filter: {}, sort: "newest", search: "" }) },
    ...views.map((view) => ({ label: view.name, icon: view.is_shared ? "Users" : "User", hint: view.is_shared ? t("shared") : undefined, isChosen: view.id === at.view, run: () => choose(view) })),
    { label: t("saveView"), icon: "Save", run: () => saveView(at, null) },
    current && mayChange(current) && { label: t("updateView", { name: current.name }), icon: "Pencil", run: () => saveView(at, current) },
    current && mayChange(current) && { label: t("deleteView", { name: current.name }), icon: "Trash2", isDanger: true, run: () => drop(current) },
  ]
  return html`<${Menu} label=${t("views")} items=${items} trigger=${({ ref, ...props }) => html`<button type="button" class="view-name" ref=${ref} ...${props} title=${t("views")}>
    <span class="clip"><bdi>${current?.name ?? t("leads")}</bdi></span><${Icon} name="ChevronDown" size=${16} /></button>`} />`
}

const mayChange = (view) => view.owner_id === person.value.id || (view.is_shared && may("admin"))

async function drop(view) {
  if (!(await confirm({ title: t("deleteView", { name: view.name }), text: t(view.is_shared ? "deleteSharedText" : "deleteViewText"), action: t("delete"), isDanger: true }))) return
  await rpc("delete_view", { view_id: view.id })
  refresh(KEY)
  show({ view: null })
}

export async function saveView(at, view) {
  const id = await open((close) => html`<${Saving} at=${at} view=${view} close=${close} />`)
  if (!id) return
  refresh(KEY)
  show({ view: id })
  say(t("viewSaved"))
}

function Saving({ at, view, close }) {
  const [name, setName] = useState(view?.name ?? "")
  const [isShared, setShared] = useState(view?.is_shared ?? false)
  const [wrong, setWrong] = useState(null)
  const save = async () => {
    const filter = { ...at.filter, ...(at.pipeline ? { pipeline: at.pipeline } : {}) }
    try {
      close((await rpc("save_view", { name, filter, layout: at.layout === "board" ? LAYOUTS.board : LAYOUTS.table, sort: at.sort, is_shared: isShared, view_id: view?.id ?? null })).view_id)
    } catch (error) {
      setWrong(asProblem(error).words)
    }
  }
  return html`<${Dialog} title=${view ? t("updateView", { name: view.name }) : t("saveView")} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <p class="soft">${t("viewText")}</p>
      <${Field} label=${t("viewName")} wrong=${wrong}>${(props) => html`<input ...${props} maxlength="60" autocomplete="off" placeholder=${t("viewExample")} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
      <${Check} label=${t("viewShared")} checked=${isShared} onChange=${(event) => setShared(event.target.checked)} />
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!name.trim()} onClick=${save}>${t("save")}<//></div>
    </form><//>`
}

// forms.js: enquiry forms that Flow hosts.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Check, Chip, Copyable, Empty, Field, Loaded, Notice, Select } from "../../ui/basics.js"
import { confirm, Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./forms-words.js"

const FIELDS = { name: "required", phone: "required", email: "optional", company: "hidden", city: "hidden", product: "optional", message: "optional" }
const CHOICES = ["required", "optional", "hidden"]
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean)

async function read() {
  const since = new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10)
  const [forms, days] = await Promise.all([
    rows("enquiry_forms", (ask) => ask.select("id, slug, title, intro, thanks, privacy_url, fields, products, greet, is_on, created_at").order("created_at")),
    rows("enquiry_form_days", (ask) => ask.select("form_id, accepted, refused").gte("day", since)),
  ])
  const sum = (id, what) => days.filter((day) => day.form_id === id).reduce((total, day) => total + day[what], 0)
  return forms.map((form) => ({ ...form, accepted: sum(form.id, "accepted"), refused: sum(form.id, "refused") }))
}

function Edit({ form, onClose }) {
  const [given, setGiven] = useState({ title: "", intro: "", thanks: "", privacy_url: "", greet: true, is_on: true, ...form, fields: { ...FIELDS, ...form?.fields }, products: (form?.products ?? []).join("\n") })
  const [problem, setProblem] = useState(null)
  const set = (name) => (event) => setGiven({ ...given, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value })
  const text = (name, label, more = {}) => html`<${Field} label=${label} help=${more.help}>${(props) => html`<${more.tag ?? "input"} ...${props} maxlength=${more.most ?? 1000} placeholder=${more.example} value=${given[name] ?? ""} onInput=${set(name)} />`}<//>`
  const save = async () => {
    setProblem(null)
    const { title, intro, thanks, privacy_url, greet, is_on, fields } = given
    try {
      await rpc("save_enquiry_form", { form: { title, intro, thanks, privacy_url, greet, is_on, fields, products: lines(given.products) }, form_id: form?.id ?? null })
      say(t("saved"))
      onClose(true)
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  return html`<${Dialog} title=${form ? t("edit") : t("make")} onClose=${() => onClose()}>
    ${text("title", t("title"), { most: 120, example: t("titleExample") })}${text("intro", t("intro"))}
    <fieldset class="stack tight"><legend><strong>${t("fields")}</strong></legend>${Object.keys(FIELDS).map((name) => html`<div class="row between" key=${name}><span>${t(name)}</span>
      <${Select} aria-label=${t(name)} value=${given.fields[name]} options=${CHOICES.map((choice) => [choice, t(choice)])} onChange=${(event) => setGiven({ ...given, fields: { ...given.fields, [name]: event.target.value } })} /></div>`)}</fieldset>
    ${text("products", t("products"), { tag: "textarea", help: t("productsHelp"), most: 10_000 })}${text("thanks", t("thanks"))}${text("privacy_url", t("privacy"), { example: "https://" })}
    <${Check} label=${t("greet")} checked=${given.greet} onChange=${set("greet")} /><${Check} label=${t("isOn")} checked=${given.is_on} onChange=${set("is_on")} />
    ${problem && html`<${Notice} kind="bad">${problem.words}<//>`}
    <div class="actions"><${Button} kind="primary" disabled=${!given.title.trim()} onClick=${save}>${t("save")}<//></div><//>`
}

export default function Forms() {
  const key = `forms ${org.value.id}`
  const query = useQuery(key, read)
  const changed = () => refresh(key)
  const edit = async (form) => { if (await show((close) => html`<${Edit} form=${form} onClose=${close} />`)) changed() }
  const move = async (form) => {
    if (!(await confirm({ title: t("move"), text: t("moveText", { title: form.title }), action: t("move"), isDanger: true }))) return
    await rpc("move_enquiry_form", { form_id: form.id })
    changed()
  }
  const isAdmin = may("admin")
  return html`<${Loaded} query=${query} retry=${changed} height=${80}>${(forms) => html`
    ${forms.map((form) => html`<section class="card stack" key=${form.id}>
      <div class="row between breaks"><h3 class="wrap">${form.title}</h3><${Chip} kind=${form.is_on ? "good" : ""}>${form.is_on ? t("on") : t("off")}<//></div>
      <${Copyable} label=${t("address")} text=${`${location.origin}/f/${form.slug}`} />
      <p class="soft small">${t("sent", { n: form.accepted })}${form.refused ? ` · ${t("refused", { n: form.refused })}` : ""}</p>
      <div class="row breaks"><a class="button" href="/f/${form.slug}" target="_blank" rel="noopener">${t("open")}</a>${isAdmin && html`<${Button} icon="Pencil" onClick=${() => edit(form)}>${t("edit")}<//><${Button} kind="quiet" onClick=${() => move(form)}>${t("move")}<//>`}</div></section>`)}
    ${!forms.length && html`<section class="card"><${Empty} icon="ClipboardList" title=${t("none")}>${t("noneText")}<//></section>`}
    ${isAdmin && html`<div><${Button} kind="primary" icon="Plus" onClick=${() => edit(null)}>${t("make")}<//></div>`}`}<//>`
}

// endpoints.js: webhook endpoints: added, changed, paused, given a new secret, tried out.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Check, Chip, Copyable, Empty, Field, IconButton, Loaded, Notice } from "../../ui/basics.js"
import { confirm, Dialog, show } from "../../ui/dialog.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { Deliveries } from "./deliveries.js"
import { EVENTS, t } from "./endpoints-words.js"

const SHOWN = { active: "good", paused: "warn", disabled: "bad" }
const read = () => rows("webhook_endpoints", (ask) => ask.select("id, url, description, events, state, reason, previous_until, failing_since, delivered_at, created_at").order("created_at"))

function Edit({ found, close }) {
  const [given, setGiven] = useState({ url: "https://", description: "", events: ["lead.created", "message.received"], ...found })
  const [problem, setProblem] = useState(null)
  const toggle = (event) => setGiven({ ...given, events: given.events.includes(event) ? given.events.filter((one) => one !== event) : [...given.events, event] })
  const save = async () => {
    setProblem(null)
    try {
      const { url, description, events } = given
      close(await rpc("save_webhook_endpoint", { endpoint: { url, description, events }, endpoint_id: found?.id ?? null }))
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  return html`<${Dialog} title=${found ? t("edit") : t("add")} onClose=${() => close()}>
    <${Field} label=${t("url")} help=${t("urlHelp")}>${(props) => html`<input ...${props} type="url" inputmode="url" maxlength="2000" autocomplete="off" value=${given.url} onInput=${(event) => setGiven({ ...given, url: event.target.value })} />`}<//>
    <${Field} label=${t("description")}>${(props) => html`<input ...${props} maxlength="200" value=${given.description ?? ""} onInput=${(event) => setGiven({ ...given, description: event.target.value })} />`}<//>
    <fieldset><legend><strong>${t("events")}</strong></legend><div class="scopes">${EVENTS.map((event) => html`<${Check} key=${event} label=${t(event)} checked=${given.events.includes(event)} onChange=${() => toggle(event)} />`)}</div></fieldset>
    ${problem && html`<${Notice} kind="bad">${problem.words}<//>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!given.events.length || given.url.length < 10} onClick=${save}>${t("save")}<//></div><//>`
}

const Secret = ({ secret, close }) => html`<${Dialog} title=${t("secret")} mayClose=${false} onClose=${() => close()}>
  <p class="soft wrap">${t("secretText")}</p><${Copyable} label=${t("secret")} text=${secret} />
  <div class="actions"><${Button} kind="primary" onClick=${() => close()}>${t("kept")}<//></div><//>`
const showSecret = (secret) => show((close) => html`<${Secret} secret=${secret} close=${close} />`)

function standing(found) {
  if (found.state === "disabled") return t(`reason_${found.reason}`)
  if (found.failing_since) return t("failing", { time: moment(found.failing_since) })
  return found.delivered_at ? t("delivered", { time: moment(found.delivered_at) }) : t("neverDelivered")
}

function Endpoint({ found, changed }) {
  const edit = async () => { if (await show((close) => html`<${Edit} found=${found} close=${close} />`)) changed() }
  const set = async (state) => { await rpc("save_webhook_endpoint", { endpoint: { state }, endpoint_id: found.id }); changed() }
  const rotate = async () => {
    if (!(await confirm({ title: t("rotate"), text: t("rotateText"), action: t("rotate") }))) return
    const { secret } = await rpc("rotate_webhook_secret", { endpoint_id: found.id })
    changed()
    await showSecret(secret)
  }
  const remove = async () => {
    if (!(await confirm({ title: t("remove"), text: t("removeText", { url: found.url }), action: t("remove"), isDanger: true }))) return
    await rpc("remove_webhook_endpoint", { endpoint_id: found.id })
    changed()
  }
  const test = async () => { await rpc("test_webhook_endpoint", { endpoint_id: found.id }); say(t("tested")) }
  const log = () => show((close) => html`<${Deliveries} endpoint=${found} close=${close} />`)
  return html`<li class="stack tight endpoint"><div class="row between"><div class="grow"><p class="clip"><strong>${found.description || found.url.split("/")[2]}</strong></p><p class="soft small endpoint-url">${found.url}</p></div>
      <${Chip} kind=${SHOWN[found.state]}>${t(found.state)}<//><${Menu} label=${t("more")} trigger=${(props) => html`<${IconButton} icon="EllipsisVertical" label=${t("more")} ...${props} />`} items=${[{ label: t("edit"), icon: "Pencil", run: edit }, { label: t("rotate"), icon: "KeyRound", run: rotate }, { label: t("remove"), icon: "Trash2", run: remove, isDanger: true }]} /></div>
    <p class="soft small wrap">${found.events.map((event) => t(event)).join(", ")}</p>
    <p class=${`small wrap ${found.state === "disabled" || found.failing_since ? "danger" : "soft"}`}>${standing(found)}${found.previous_until && new Date(found.previous_until) > Date.now() ? ` · ${t("twoSecrets", { time: moment(found.previous_until) })}` : ""}</p>
    <div class="row breaks"><${Button} icon="Workflow" onClick=${log}>${t("log")}<//>${found.state === "active" && html`<${Button} onClick=${test}>${t("test")}<//>`}
      ${found.state === "active" ? html`<${Button} onClick=${() => set("paused")}>${t("pause")}<//>` : html`<${Button} kind="primary" onClick=${() => set("active")}>${t("resume")}<//>`}</div></li>`
}

export function Endpoints() {
  const key = `webhook-endpoints ${org.value.id}`
  const query = useQuery(key, read)
  const changed = () => refresh(key)
  const add = async () => {
    const made = await show((close) => html`<${Edit} close=${close} />`)
    if (!made) return
    changed()
    await showSecret(made.secret)
  }
  const adding = html`<${Button} kind="primary" icon="Plus" onClick=${add}>${t("add")}<//>`
  return html`<section class="card stack"><h3>${t("webhooks")}</h3><p class="soft wrap">${t("text")}</p>
    <${Loaded} query=${query} retry=${changed}>${(found) => (found.length
      ? html`<ul class="list">${found.map((one) => html`<${Endpoint} key=${one.id} found=${one} changed=${changed} />`)}</ul><div>${adding}</div>`
      : html`<${Empty} icon="Workflow" title=${t("none")} action=${adding}>${t("noneText")}<//>`)}<//></section>`
}

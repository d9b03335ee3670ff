// keys.js: API keys of the organization's own programs.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { date, moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Check, Chip, Copyable, Field, Loaded, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./keys-words.js"

const state = (key) => (key.revoked_at ? "revoked" : key.expires_at && new Date(key.expires_at) <= Date.now() ? "ended" : key.replaced_by ? "rotated" : "active")
const SCOPES = ["leads:write", "leads:read", "contacts:write", "contacts:read", "conversations:read", "messages:send", "templates:read", "tasks:write", "tasks:read", "usage:read", "webhooks:manage"]
const SHOWN = { active: "good", rotated: "warn" }

function Make({ onMade }) {
  const [name, setName] = useState("")
  const [scopes, setScopes] = useState(["leads:write"])
  const toggle = (scope) => setScopes(scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope])
  const make = async () => {
    onMade(await rpc("create_api_key", { name, scopes }))
    setName("")
  }
  return html`<form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("name")}>${(props) => html`<input ...${props} maxlength="60" placeholder=${t("example")} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
    <fieldset><legend><strong>${t("scopes")}</strong></legend><div class="scopes">${SCOPES.map((scope) => html`<${Check} key=${scope} label=${t(scope)} checked=${scopes.includes(scope)} onChange=${() => toggle(scope)} />`)}</div></fieldset>
    <div><${Button} kind="primary" disabled=${!name.trim() || !scopes.length} onClick=${make}>${t("make")}<//></div></form>`
}

function Key({ found, onMade, onChange }) {
  const now = state(found)
  const rotate = async () => {
    if (!(await confirm({ title: t("rotate"), text: t("rotateText", { name: found.name }), action: t("rotate") }))) return
    onMade(await rpc("rotate_api_key", { api_key_id: found.id }))
  }
  const revoke = async () => {
    if (!(await confirm({ title: t("revoke"), text: t("revokeText", { name: found.name }), action: t("revoke"), isDanger: true }))) return
    await rpc("revoke_api_key", { api_key_id: found.id })
    say(t("done"))
    onChange()
  }
  return html`<li class="row breaks member"><div class="grow"><p class="clip"><strong>${found.name}</strong> <span class="soft">…${found.hint}</span></p>
      <p class="soft small">${found.scopes.map((scope) => t(scope)).join(", ")} · ${found.used_at ? t("used", { time: moment(found.used_at) }) : t("never")}${found.expires_at ? ` · ${t("ends", { time: date(found.expires_at) })}` : ""}</p></div>
    <${Chip} kind=${SHOWN[now] ?? ""}>${t(now)}<//>
    ${now === "active" && html`<${Button} onClick=${rotate}>${t("rotate")}<//>`}${(now === "active" || now === "rotated") && html`<${Button} kind="danger" onClick=${revoke}>${t("revoke")}<//>`}</li>`
}

export function Keys() {
  const key = `api-keys ${org.value.id}`
  const query = useQuery(key, () => rows("api_keys", (ask) => ask.select("id, name, hint, scopes, created_at, expires_at, revoked_at, replaced_by, used_at").order("created_at", { ascending: false }).limit(100)))
  const [made, setMade] = useState(null)
  const changed = () => refresh(key)
  const show = (answer) => { setMade(answer.key); changed() }
  return html`<section class="card stack"><p class="soft wrap">${t("text", { address: `${location.origin}/api/v1` })}</p>
      <p><a href="/developers" target="_blank" rel="noopener">${t("docs")}</a></p>
      ${made && html`<${Notice} kind="good"><div class="stack tight"><p>${t("made")}</p><${Copyable} label=${t("key")} text=${made} /></div><//>`}
      <${Make} onMade=${show} /></section>
    <section class="card stack"><h3>${t("keys")}</h3><${Loaded} query=${query} retry=${changed}>${(found) => (found.length
      ? html`<ul class="list">${found.map((one) => html`<${Key} key=${one.id} found=${one} onMade=${show} onChange=${changed} />`)}</ul>` : html`<p class="soft">${t("none")}</p>`)}<//></section>`
}

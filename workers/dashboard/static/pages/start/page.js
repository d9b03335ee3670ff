// page.js: the first steps, each read from what is really there; a step can be left and taken up again.
import { html, useState } from "../../vendor/vendor.js"
import { post, rows, rpc } from "../../lib/api.js"
import { useMembers } from "../../lib/members.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { may, org } from "../../lib/session.js"
import { Button, Check, Field, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { t } from "./words.js"

async function read() {
  const [whatsapp, sources, rules, greeting, leads] = await Promise.all([
    rpc("whatsapp_status"),
    rows("lead_sources", (query) => query.select("id, kind").eq("kind", "indiamart").is("disconnected_at", null)),
    rows("greeting_rules", (query) => query.select("id").eq("is_on", true).limit(1)),
    rows("greeting_settings", (query) => query.select("is_on")),
    rows("leads", (query) => query.select("id").limit(1)),
  ])
  return {
    whatsapp: whatsapp.accounts.some((account) => account.numbers.some((number) => number.status !== "disconnected")),
    source: sources.length > 0,
    greeting: Boolean(greeting[0]?.is_on && rules.length),
    leads: leads.length > 0,
  }
}

function Step({ isDone, title, text, href, action, needs }) {
  return html`<li class="step ${isDone ? "done" : ""}"><span class="step-mark">${isDone ? html`<${Icon} name="Check" size=${18} label=${t("done")} />` : html`<span aria-hidden="true"></span>`}</span>
    <div class="grow stack tight"><h2>${title}</h2><p class="soft">${text}</p>
      ${!isDone && (needs && !may(needs) ? html`<p class="small soft">${t("adminsDo")}</p>` : html`<div><${Button} kind="primary" onClick=${() => go(href)}>${action}<//></div>`)}</div></li>`
}

function Sample({ onAdded }) {
  const [phone, setPhone] = useState("")
  const [isSure, setSure] = useState(false)
  const add = async () => {
    const { lead_id: lead } = await post("leads", { name: t("sampleName"), phone, product: t("sampleProduct"), greet: true })
    say(t("sampleSent"), { action: { label: t("look"), run: () => go(`/leads/${lead}`) } })
    setPhone("")
    onAdded()
  }
  return html`<section class="card stack"><h2>${t("sample")}</h2><p class="soft">${t("sampleText")}</p>
    <form class="stack tight" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".button").click() }}>
      <${Field} label=${t("myPhone")}>${(props) => html`<input ...${props} type="tel" autocomplete="tel" placeholder="98100 00011" value=${phone} onInput=${(event) => setPhone(event.target.value)} />`}<//>
      <${Check} label=${t("mine")} checked=${isSure} onChange=${(event) => setSure(event.target.checked)} />
      <div><${Button} disabled=${phone.replace(/\D/g, "").length < 10 || !isSure} onClick=${add}>${t("tryIt")}<//></div>
    </form></section>`
}

export default function Start() {
  const key = `start ${org.value.id}`
  const query = useQuery(key, read)
  const members = useMembers()
  return html`<header class="top"><h1>${t("title")}</h1></header><div class="body"><div class="narrow stack">
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${4} height=${72}>${(state) => {
      const hasTeam = (members.data?.length ?? 1) > 1
      const done = [state.whatsapp, state.source || state.leads, state.greeting, hasTeam].filter(Boolean).length
      return html`<div class="stack tight"><p class="soft">${done === 4 ? t("allDone") : t("progress", { n: done })}</p><div class="bar"><div style=${{ width: `${25 * done}%` }}></div></div></div>
        <ol class="card list">
          <${Step} isDone=${state.whatsapp} title=${t("whatsapp")} text=${t("whatsappText")} href="/settings/whatsapp" action=${t("connect")} needs="admin" />
          <${Step} isDone=${state.source || state.leads} title=${t("leads")} text=${t("leadsText")} href="/settings/indiamart" action=${t("connect")} needs="admin" />
          <${Step} isDone=${state.greeting} title=${t("greeting")} text=${t("greetingText")} href="/greeting" action=${t("choose")} needs="admin" />
          <${Step} isDone=${hasTeam} title=${t("team")} text=${t("teamText")} href="/settings/team" action=${t("invite")} needs="admin" />
        </ol>
        ${state.whatsapp && state.greeting && html`<${Sample} onAdded=${() => refresh(key)} />`}`
    }}<//></div></div>`
}

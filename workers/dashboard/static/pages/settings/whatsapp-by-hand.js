// whatsapp-by-hand.js: connecting with ids and a system user's token.
import { html, useState } from "../../vendor/vendor.js"
import { post } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Field, Notice } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./whatsapp-words.js"

export function ByHand({ onClose }) {
  const [given, setGiven] = useState({ waba_id: "", phone_number_id: "", token: "" })
  const [problem, setProblem] = useState(null)
  const set = (name) => (event) => setGiven({ ...given, [name]: event.target.value.trim() })
  const connect = async () => {
    setProblem(null)
    try {
      const made = await post("whatsapp/connect", given)
      say(t("done", { phone: phone(made.display_phone) }))
      onClose(true)
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  const input = (name, label, more = {}) => html`<${Field} label=${label} help=${more.help}>${(props) => html`<input ...${props} required autocomplete="off" spellcheck="false" type=${more.type ?? "text"} inputmode=${more.mode} value=${given[name]} onInput=${set(name)} />`}<//>`
  return html`<${Dialog} title=${t("byHand")} onClose=${() => onClose()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <p class="soft">${t("handText")}</p>
      ${input("waba_id", t("waba"), { mode: "numeric" })}${input("phone_number_id", t("numberId"), { mode: "numeric" })}${input("token", t("token"), { type: "password", help: t("tokenHelp") })}
      ${problem && html`<${Notice} kind="bad"><span class="wrap">${problem.words}</span><//>`}
      <div class="actions"><${Button} kind="primary" disabled=${!(given.waba_id && given.phone_number_id && given.token)} onClick=${connect}>${t("connectAction")}<//></div>
    </form><//>`
}

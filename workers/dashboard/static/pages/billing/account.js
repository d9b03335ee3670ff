// account.js: to whom invoices go: name, GSTIN, state and address.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { person } from "../../lib/session.js"
import { Button, Field, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { isGstin, STATES } from "./gst.js"
import { t, told } from "./words.js"

/** Opens the form; gives true when it was saved. */
export const editAccount = (account) => show((close) => html`<${Form} account=${account} onClose=${close} />`)

export function Account({ account, again }) {
  const edit = async () => { if (await editAccount(account)) again() }
  return html`<section class="card stack"><div class="stack tight"><h2>${t("account")}</h2><p class="soft">${account ? t("accountText") : t("noAccount")}</p></div>
    ${account && html`<address class="billing-address wrap"><strong><bdi>${account.legal_name}</bdi></strong><br /><bdi>${account.address}</bdi><br />${account.state}<br /><span class="numbers">${account.gstin ?? t("noGstin")}</span><br /><bdi>${account.email}</bdi></address>`}
    <div><${Button} icon=${account ? "Pencil" : "Plus"} onClick=${edit}>${t(account ? "edit" : "addAccount")}<//></div></section>`
}

function Form({ account, onClose }) {
  const [given, setGiven] = useState({ legal_name: "", gstin: "", state_code: "", address: "", email: person.value.email, ...account })
  const set = (key) => (event) => setGiven({ ...given, [key]: event.target.value })
  const gstin = (given.gstin ?? "").trim().toUpperCase()
  const wrong = gstin.length >= 15 && !isGstin(gstin)
  const state = isGstin(gstin) ? gstin.slice(0, 2) : given.state_code
  const isWhole = given.legal_name.trim() && given.address.trim() && given.email.trim() && state && (!gstin || isGstin(gstin))
  const save = async () => {
    const { legal_name: legalName, address, email } = given
    await told(rpc("set_billing_account", { account: { legal_name: legalName.trim(), gstin: gstin || null, state_code: state, address: address.trim(), email: email.trim() } }))
    say(t("saved"))
    onClose(true)
  }
  return html`<${Dialog} title=${t("account")} onClose=${() => onClose()}><p class="soft">${t("accountText")}</p>
    <${Field} label=${t("legalName")}>${(props) => html`<input ...${props} maxlength="200" autocomplete="organization" value=${given.legal_name} onInput=${set("legal_name")} />`}<//>
    <${Field} label=${t("gstin")} help=${t("gstinHelp")} wrong=${wrong ? t("gstinWrong") : undefined}>${(props) => html`<input ...${props} maxlength="15" autocomplete="off" spellcheck="false" value=${given.gstin ?? ""} onInput=${set("gstin")} />`}<//>
    <${Field} label=${t("state")} help=${isGstin(gstin) ? t("stateHelp") : undefined}>${(props) => html`<${Select} ...${props} value=${state} disabled=${isGstin(gstin)} options=${[["", t("chooseState")], ...STATES]} onChange=${set("state_code")} />`}<//>
    <${Field} label=${t("address")}>${(props) => html`<textarea ...${props} maxlength="500" autocomplete="street-address" value=${given.address} onInput=${set("address")}></textarea>`}<//>
    <${Field} label=${t("email")}>${(props) => html`<input ...${props} type="email" maxlength="254" autocomplete="email" value=${given.email} onInput=${set("email")} />`}<//>
    <div class="actions"><${Button} kind="primary" disabled=${!isWhole} onClick=${save}>${t("save")}<//></div><//>`
}

// wallet.js: what is left for messages, and topping it up by a payment link.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { Button, Field } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { editAccount } from "./account.js"
import { pay } from "./paying.js"
import { t, told } from "./words.js"

export function Wallet({ state, again }) {
  const { wallet, account } = state
  const topUp = async () => {
    if (!account && !(await editAccount(null))) return
    const asked = await show((close) => html`<${TopUp} onClose=${close} />`)
    if (asked) await pay(asked)
    again()
  }
  return html`<section class="card stack"><div class="stack tight"><h2>${t("wallet")}</h2>
      <p class="soft">${account?.collection_mode === "postpaid" ? t("postpaid") : t(wallet.prepaid ? "walletText" : "walletOff")}</p></div>
    <p class="figure numbers">${money(wallet.balance ?? 0)}</p>
    ${Number(wallet.held) > 0 && html`<p class="soft small">${t("held", { amount: money(wallet.held) })}</p>`}
    <div><${Button} icon="Plus" disabled=${!state.is_configured} onClick=${topUp}>${t("topUp")}<//></div></section>`
}

function TopUp({ onClose }) {
  const [amount, setAmount] = useState("1000")
  const isRight = /^\d{3,6}$/.test(amount) && Number(amount) >= 100 && Number(amount) <= 100_000
  const go = async () => onClose(await told(rpc("top_up_wallet", { amount_paise: Number(amount) * 100 })))
  return html`<${Dialog} title=${t("topUp")} onClose=${() => onClose()}><p class="soft">${t("topUpText")}</p>
    <${Field} label=${t("amount")} wrong=${isRight ? undefined : t("amountWrong")}>${(props) => html`<input ...${props} inputmode="numeric" value=${amount} onInput=${(event) => setAmount(event.target.value.trim())} />`}<//>
    <div class="actions"><${Button} kind="primary" disabled=${!isRight} onClick=${go}>${t("topUp")}<//></div><//>`
}

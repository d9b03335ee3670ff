// closing.js: closing a lead, or many, as won or lost: the reason and what it was worth.
import { html, useState } from "../../vendor/vendor.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Field, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { complain } from "../../ui/toasts.js"
import { amount } from "./parts.js"
import { t } from "./words.js"

function Closing({ stage, reference, value: before, currency, count, run, close }) {
  const [reason, setReason] = useState("")
  const [value, setValue] = useState((before ?? "").replace(/\.00$/, ""))
  const [wrong, setWrong] = useState(null)
  const reasons = reference.reasons.filter(({ kind, archived_at: archived }) => kind === stage.kind && !archived)
  const finish = async () => {
    const given = amount(value)
    if (given === undefined) return setWrong(t("amountWrong"))
    try {
      close(await run({ stage_id: stage.id, reason_id: reason || null, value: given, currency: given === null ? null : currency ?? "INR" }) ?? true)
    } catch (error) {
      const problem = asProblem(error)
      if (/^(value|currency)_/.test(problem.detail)) return setWrong(problem.words)
      close()
      complain(problem)
    }
    return undefined
  }
  const title = count ? t(stage.kind === "won" ? "winMany" : "loseMany", { n: count, stage: stage.name }) : t(stage.kind === "won" ? "win" : "lose", { stage: stage.name })
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <${Field} label=${t(stage.kind === "won" ? "whyWon" : "whyLost")}>${(props) => html`<${Select} ...${props} value=${reason} onChange=${(event) => setReason(event.target.value)}
        options=${[["", t("noReason")], ...reasons.map(({ id, name }) => [id, name])]} />`}<//>
      <${Field} label=${t(count ? "valueEach" : "value")} help=${t(count ? "valueKeeps" : "valueHelp")} wrong=${wrong}>${(props) => html`<input ...${props} inputmode="decimal" autocomplete="off" placeholder="₹" value=${value} onInput=${(event) => { setValue(event.target.value); setWrong(null) }} />`}<//>
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" icon=${stage.kind === "won" ? "CircleCheck" : "CircleX"} onClick=${finish}>${t(stage.kind === "won" ? "closeWon" : "closeLost")}<//></div>
    </form>
  <//>`
}

/** Asks for reason and value, then calls run({stage_id, reason_id, value, currency}); gives what that gave, or undefined when it was given up or refused. */
export const askToClose = (props) => show((close) => html`<${Closing} ...${props} close=${close} />`)

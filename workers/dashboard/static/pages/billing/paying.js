// paying.js: what was asked of the payment company: its page is waited for, opened, and watched until it is done. Nothing is
// granted here: what holds is what billing_state says.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { Button, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { complain } from "../../ui/toasts.js"
import { paise, Supplier } from "./parts.js"
import { t } from "./words.js"

const SOON = 400
const EVERY = 1200
const SLOW = 20_000
const TITLES = { preparing: "preparing", ready: "ready", done: "finished", failed: "unfinished", expired: "unfinished" }
const GOOD = ["trialing", "active"]

/** Follows what start_subscription, change_plan, pay_arrears or top_up_wallet gave, in a dialog; gives when it is closed. */
export const pay = (asked) => show((close) => html`<${Paying} asked=${asked} onClose=${close} />`)

async function look({ intent_id: id, subscription_id: made }) {
  const intent = await rpc("billing_intent", { intent_id: id })
  if (intent.status === "failed" || intent.status === "void") return { step: intent.link_status === "cancelled" || intent.status === "void" ? "expired" : "failed", error: intent.error }
  if (!intent.short_url) return { step: "preparing" }
  if (["expired", "cancelled"].includes(intent.link_status)) return { step: "expired" }
  let isDone = intent.is_paid
  if (!isDone && made) {
    const state = await rpc("billing_state")
    isDone = [state.subscription, state.next].some((one) => one?.id === made && GOOD.includes(one.status))
  }
  return { step: isDone ? "done" : "ready", url: intent.short_url }
}

function Sum({ asked }) {
  const now = asked.pay_now ?? asked.charge
  const each = asked.pay_now === undefined ? null : asked.charge
  return html`<p><strong class="numbers">${now ? t("payNow", { amount: paise(now) }) : t("payNothing")}</strong>
    ${each !== null && html`<span class="soft">, ${asked.start_at ? t("thenEach", { amount: paise(each), date: date(asked.start_at) }) : t("each", { amount: paise(each) })}</span>`}</p>
    ${asked.needs_confirmation && html`<p class="small soft">${t("confirmEach")}</p>`}`
}

function Paying({ asked, onClose }) {
  const [seen, setSeen] = useState({ step: "preparing" })
  const [isSlow, setSlow] = useState(false)
  const opened = useRef(false)
  useEffect(() => {
    let timer, isOver = false
    const slow = setTimeout(() => setSlow(true), SLOW)
    const turn = async () => {
      let wait = SOON
      try {
        const found = await look(asked)
        if (isOver) return
        setSeen(found)
        if (found.step === "done" || found.step === "ready") refresh("billing")
        if (found.step === "ready") wait = EVERY
        if (found.step === "ready" && !opened.current) {
          opened.current = true
          window.open(found.url, "_blank", "noopener") // a browser that does not let it open has the button
        }
        if (found.step === "done" || found.step === "failed" || found.step === "expired") return
      } catch (error) {
        if (isOver) return
        wait = SLOW
        complain(error)
      }
      timer = setTimeout(turn, wait)
    }
    turn()
    return () => { isOver = true; clearTimeout(timer); clearTimeout(slow) }
  }, [])
  const { step } = seen
  return html`<${Dialog} title=${t(TITLES[step])} onClose=${() => onClose(step)}>
    <${Sum} asked=${asked} />
    ${step === "preparing" && html`<p class="row soft" role="status"><${Icon} name="LoaderCircle" size=${18} className="spin" /><span>${t(isSlow ? "slow" : "preparingText")}</span></p>`}
    ${step === "ready" && html`<p class="soft">${t("readyText")}</p><p class="row soft" role="status"><${Icon} name="LoaderCircle" size=${18} className="spin" /><span>${t("waiting")}</span></p>`}
    ${step === "done" && html`<${Notice} kind="good">${t("done")}<//>`}
    ${step === "failed" && html`<${Notice} kind="bad">${t("failed", { error: seen.error ?? "–" })}<//>`}
    ${step === "expired" && html`<${Notice} kind="warn">${t("expired")}<//>`}
    <div class="actions"><${Button} onClick=${() => onClose(step)}>${t("close")}<//>${step === "ready" && html`<${Supplier} url=${seen.url}>${t("open")}<//>`}</div>
  <//>`
}

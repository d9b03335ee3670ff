// messages.js: the messages behind a figure, newest first, each with what it cost and why.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment, money } from "../../lib/formats.js"
import { Button, Chip, Notice, Skeleton, When } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { asProblem } from "../../lib/problems.js"
import { category, t } from "./words.js"

export function Messages({ month, filter, onClose }) {
  const [found, setFound] = useState(null)
  const [next, setNext] = useState(null)
  const [problem, setProblem] = useState(null)
  const load = async (after) => {
    const page = await rpc("usage_messages", { month, filter, after_id: after })
    setFound((before) => [...(after ? before : []), ...page.messages])
    setNext(page.next)
  }
  useEffect(() => { load(null).catch((error) => setProblem(asProblem(error))) }, [])
  return html`<${Dialog} title=${t("list")} onClose=${onClose} isWide>
    ${problem ? html`<${Notice} kind="bad">${problem.words}<//>` : !found ? html`<${Skeleton} lines=${5} height=${40} />` : !found.length ? html`<p class="soft">${t("nothing")}</p>`
      : html`<ul class="list">${found.map((message) => html`<${Line} key=${message.id} message=${message} />`)}</ul>`}
    ${next && html`<${Button} onClick=${() => load(next)}>${t("more")}<//>`}
  <//>`
}

function Line({ message }) {
  const cost = Number(message.meta_cost) + Number(message.markup)
  return html`<li class="usage-message"><div class="grow stack tight">
      <div class="row"><a class="clip" href="/inbox/${message.conversation_id}"><bdi>${message.contact ?? t("unnamed")}</bdi></a><span class="soft small"><${When} at=${message.billable_at} as=${moment} /></span></div>
      <p class="clip soft"><bdi>${message.text ?? message.template ?? ""}</bdi></p>
      <div class="row breaks"><${Chip}>${category(message.category)}<//>${message.rate && html`<span class="small soft">${t("rate", { rate: money(message.rate, message.currency, 4) })}</span>`}${message.review_reason && html`<span class="small warn wrap">${message.review_reason}</span>`}</div>
    </div><strong class="numbers">${message.needs_review ? t("waits") : cost ? money(cost, message.currency, 4) : t("freeWord")}</strong></li>`
}

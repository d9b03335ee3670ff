// whatsapp-signup.js: Embedded Signup from its button to the connected number, also when it breaks off on the way.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { post, rows, rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org, person } from "../../lib/session.js"
import { Button, Notice } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { t } from "./whatsapp-words.js"

const BEGUN = "flow-signup"
const OUTCOME = "flow-signup-outcome"

async function begin() {
  const { state } = await post("whatsapp/signup/begin")
  sessionStorage.setItem(BEGUN, JSON.stringify({ state, org: org.value.id, person: person.value.id }))
  location.assign("/connect-whatsapp")
}

/** What Meta's window left, once: {state, ...outcome}, when it was begun here and by this person. */
function taken() {
  const [begun, outcome] = [BEGUN, OUTCOME].map((key) => JSON.parse(sessionStorage.getItem(key)))
  if (!outcome) return null
  for (const key of [BEGUN, OUTCOME]) sessionStorage.removeItem(key)
  return begun?.org === org.value.id && begun.person === person.value.id ? { state: begun.state, ...outcome } : null
}

export function Signup({ onConnected }) {
  const key = `signups ${org.value.id}`
  const waiting = useQuery(key, () => rows("whatsapp_signups", (query) => query.select("id, status, problem, remedy, choices, started_at")
    .in("status", ["running", "waiting"]).order("started_at", { ascending: false }).limit(1)))
  const [problem, setProblem] = useState(null)
  const [isWorking, setWorking] = useState(false)

  const attempt = async (action, given) => {
    setWorking(true)
    setProblem(null)
    try {
      const answer = await post(`whatsapp/signup/${action}`, given)
      if (answer.status === "connected") say(t("done", { phone: phone(answer.display_phone) }))
    } catch (error) {
      setProblem(asProblem(error))
    }
    setWorking(false)
    refresh(key)
    onConnected()
  }
  useEffect(() => {
    const outcome = taken()
    if (outcome) attempt("finish", Object.fromEntries(Object.entries(outcome).filter(([, value]) => value !== undefined && value !== null)))
  }, [])
  const giveUp = async (id) => { await rpc("cancel_signup", { signup_id: id }); refresh(key) }
  const open = waiting.data?.[0]
  return html`<div class="stack">
    ${problem && html`<${Notice} kind="bad"><span class="wrap">${problem.detail === "signup_not_set_up" ? t("notSetUp") : problem.words}</span><//>`}
    ${open && !isWorking && html`<${Notice} kind="warn"><div class="stack tight"><p class="wrap">${open.problem ? t("problem", { problem: open.problem }) : t("unfinished")}</p>${open.remedy && html`<p class="soft wrap">${open.remedy}</p>`}
      <div class="row breaks">
        ${(open.choices ?? []).map((choice) => html`<${Button} key=${choice.phone_number_id ?? choice.waba_id} onClick=${() => attempt("resume", { signup_id: open.id, waba_id: choice.waba_id, phone_number_id: choice.phone_number_id })}>${choice.display_phone ?? choice.name ?? choice.waba_id}<//>`)}
        <${Button} kind="primary" onClick=${() => attempt("resume", { signup_id: open.id })}>${t("goOn")}<//><${Button} onClick=${() => giveUp(open.id)}>${t("giveUp")}<//></div></div><//>`}
    <div><${Button} kind="primary" icon="MessageCircle" busy=${isWorking} onClick=${() => begin().catch((error) => setProblem(asProblem(error)))}>${t("connect")}<//></div>
  </div>`
}

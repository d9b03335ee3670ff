// apart.js: that no other business can reach this one, and the check that tries it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { Button, Notice } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { Line } from "./state.js"
import { t } from "./words.js"

const saying = ({ isolation: found }) =>
  !found ? t("isolationNever")
    : found.leaks ? t("isolationBad", { n: found.leaks, attempts: found.attempts })
    : found.is_old ? t("isolationOld")
    : t("isolationGood", found)

function Check({ onChecked }) {
  const [isTrying, setTrying] = useState(false)
  const check = async () => {
    setTrying(true)
    try {
      const { leaks, attempts } = await rpc("run_isolation_check")
      say(leaks.length ? t("cameThrough", { n: leaks.length }) : t("nothingCame", { n: attempts }))
    } finally {
      setTrying(false)
      onChecked()
    }
  }
  return html`<div><${Button} icon="ShieldCheck" onClick=${check}>${t(isTrying ? "checking" : "checkNow")}<//></div>`
}

export function Apart({ state, kinds, onChecked }) {
  const { isolation, closed } = state
  return html`<section class="card stack"><h2>${t("apart")}</h2><ul class="list">
    <${Line} kind=${kinds.isolation} title=${t("isolation")} figure=${isolation && t("leaks", { n: isolation.leaks })}>
      <p class="soft">${saying(state)}</p>
      ${isolation?.found?.length > 0 && html`<${Notice} kind="bad"><ul class="stack tight">${isolation.found.map((leak) => html`<li class="wrap small"><code>${leak.table}</code> · ${t(`who_${leak.who}`)} ${t(`what_${leak.what}`)}</li>`)}</ul><//>`}
      <p class="soft small">${t("isolationHow")}</p>
      ${isolation && html`<p class="soft small" title=${full(isolation.at)}>${t("checked", { time: moment(isolation.at), ms: isolation.took_ms, who: t(isolation.asked_by === "owner" ? "byOwner" : "byNight") })}</p>`}
      ${may("owner") && html`<${Check} onChecked=${onChecked} />`}
    <//>
    <${Line} kind=${kinds.rls} title=${t("rls")} figure=${t("ofTables", { n: closed.protected, all: closed.tables })}><p class="soft">${t(kinds.rls === "good" ? "rlsText" : "rlsBad")}</p><//>
    <${Line} kind=${kinds.anon} title=${t("anon")} figure=${t("open", { n: closed.anon_grants })}><p class="soft">${t(kinds.anon === "good" ? "anonText" : "anonBad")}</p><//>
  </ul></section>`
}

// privacy.js: what Flow holds of the organization, who did what in it, and its deletion.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { full, moment, number } from "../../lib/formats.js"
import { useMembers } from "../../lib/members.js"
import { useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { isExpired, loadOrganizations, may, org } from "../../lib/session.js"
import { Button, Check, Empty, Loaded, Skeleton, When } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { usePages } from "../../lib/paged.js"
import { done, t } from "./privacy-words.js"
import { Suppression } from "./suppression.js"

const KINDS = ["leads", "contacts", "messages", "files", "members"]
const PAGE = 50

function Deletion() {
  const size = useQuery(`size ${org.value.id}`, () => rpc("organization_size"))
  const [isNow, setNow] = useState(false)
  const remove = async () => {
    const { name } = org.value
    const counts = await rpc("organization_size") // as it is now: the page may have stood open, or not have come yet
    const counted = KINDS.map((kind) => t(kind, { n: counts[kind] })).join(", ")
    if (!(await confirm({ title: t("delete"), text: t(isNow ? "sureNow" : "sure", { size: counted }), action: t("delete"), isDanger: true, typed: name }))) return
    let deletion
    try {
      deletion = await rpc("delete_organization", { name, is_now: isNow })
    } catch (problem) {
      if (problem.detail !== "sign_in_again") throw problem
      isExpired.value = true // the form stands above the page; then it is pressed again
      return
    }
    say(t("deleted", { name }))
    await loadOrganizations()
    go(`/welcome?deletion=${deletion.id}`, { replace: true })
  }
  return html`<section class="card stack"><h3>${t("delete")}</h3>
    <p class="soft wrap">${t("deleteText")}</p>
    <${Loaded} query=${size} lines=${1} height=${40}>${(counts) => html`<dl class="facts">${KINDS.map((kind) => html`<div><dt>${t(`name_${kind}`)}</dt><dd class="numbers">${number(counts[kind])}</dd></div>`)}</dl>`}<//>
    <${Check} label=${t("now")} help=${t("nowHelp")} checked=${isNow} onChange=${(event) => setNow(event.target.checked)} />
    <div><${Button} kind="danger" icon="Trash2" onClick=${remove}>${t("delete")}<//></div>
  </section>`
}

function Audit() {
  const members = useMembers()
  const log = usePages("audit", async (next) => {
    const items = await rows("audit_log", (query) => {
      const page = query.select("id, at, actor, actor_role, action, object_id, ip").order("id", { ascending: false }).limit(PAGE)
      return next ? page.lt("id", next) : page
    })
    return { items, next: items.length === PAGE ? items.at(-1).id : null }
  })
  const nameOf = ({ actor, actor_role: role }) => members.data?.find(({ id }) => id === actor)?.name ?? t(actor && role !== "support" ? "former" : `role_${role}`)
  return html`<section class="card stack tight"><h3>${t("audit")}</h3><p class="soft">${t("auditText")}</p>
    ${log.problem ? html`<p class="danger">${log.problem.words}</p>` : log.isFresh ? html`<${Skeleton} lines=${6} height=${32} />`
      : !log.items.length ? html`<${Empty} icon="Shield" title=${t("noAudit")} />`
      : html`<ul class="list">${log.items.map((item) => html`<li class="audit-line" key=${item.id}><span class="grow wrap">${done(item.action)}</span><span class="soft small wrap" title=${[full(item.at), item.ip].filter(Boolean).join(" · ")}><bdi>${nameOf(item)}</bdi> · <${When} at=${item.at} as=${moment} /></span></li>`)}</ul>`}
    ${!log.isFresh && !log.isEnd && html`<div><${Button} busy=${log.isLoading} onClick=${log.more}>${t("older")}<//></div>`}
  </section>`
}

export default function Privacy() {
  return html`<${Audit} /><${Suppression} />${may("owner") && html`<${Deletion} />`}`
}

// one.js: one template: where it stands and why, how it looks, in which languages there are, and what can be done with it.
import { html, useEffect } from "../../vendor/vendor.js"
import { post, rows } from "../../lib/api.js"
import { day, moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { may, org } from "../../lib/session.js"
import { Button, Chip, Empty, IconButton, Loaded, Notice, When } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { Look } from "./look.js"
import { exampleLook } from "./parts.js"
import { priceOf, usePrices } from "./prices.js"
import { categoryName, languageName, qualityWords, reasonWords, STATE_LOOKS, stateOf, statusSays, statusWords, t } from "./words.js"

const COLUMNS = "id, account_id, name, language, status, category, parameter_format, components, parameters, rejected_reason, blocked_reason, quality, category_was, category_at, synced_at"
const EDITABLE = ["APPROVED", "REJECTED", "PAUSED"]
const AGAIN = 4000

export const oneKey = (id) => `template ${org.value.id} ${id}`

/** A template with its sisters in other languages (itself among them); null when there is none. */
export async function readOne(id) {
  const [found] = await rows("message_templates", (query) => query.select("account_id, name").eq("id", id).neq("status", "DELETED"))
  if (!found) return null
  const all = await rows("message_templates", (query) => query.select(COLUMNS).eq("account_id", found.account_id).eq("name", found.name).neq("status", "DELETED").order("language").limit(100))
  return { template: all.find((one) => one.id === id), all }
}

/** What sends a template, by name: rules of the greeting and steps of sequences. */
async function usersOf({ name, language }, isAll) {
  const by = (query) => (isAll ? query.eq("template_name", name) : query.eq("template_name", name).eq("language", language))
  const [rules, steps] = await Promise.all([
    rows("greeting_rules", (query) => by(query.select("id")).limit(1)),
    rows("sequence_steps", (query) => by(query.select("sequence_id")).limit(20)),
  ])
  const sequences = steps.length ? await rows("sequences", (query) => query.select("name").in("id", steps.map((step) => step.sequence_id))) : []
  return [rules.length && t("usedGreeting"), ...sequences.map(({ name }) => name)].filter(Boolean)
}

async function remove(template, isAll, onChanged) {
  const names = await usersOf(template, isAll)
  const said = [!isAll && t("deleteOne", { language: languageName(template.language) }), isAll && t("deleteText"), names.length > 0 && t("usedBy", { names: names.join(", ") })]
  if (!(await confirm({ title: t("deleteTitle", { name: template.name }), text: said.filter(Boolean).join(" "), action: t("delete"), isDanger: true }))) return
  await post("templates/delete", { account_id: template.account_id, name: template.name, ...(!isAll && { language: template.language }) })
  say(t("deleted"))
  onChanged()
  go("/templates", { replace: true })
}

function Standing({ template, prices }) {
  const { status, category, category_was: before, category_at: since, rejected_reason: reason, blocked_reason: blocked } = template
  const state = stateOf(template)
  const { kind, icon } = STATE_LOOKS[state]
  return html`<div class="row breaks"><${Chip} kind=${kind} icon=${icon}>${statusWords(template)}<//><${Chip} kind=${category === "MARKETING" ? "warn" : ""}>${categoryName(category)}<//>
      ${priceOf(prices, category) && html`<span class="soft">${t("priceIn", { price: priceOf(prices, category) })}</span>`}</div>
    ${state === "rejected" || state === "stopped" ? html`<${Notice} kind=${state === "rejected" ? "bad" : "warn"}><p class="wrap">${blocked ? t("blocked", { reason: blocked }) : html`${statusSays(template)}${reason && ` ${reasonWords(reason)}`}`}</p><//>`
      : status === "PENDING" || status === "IN_APPEAL" ? html`<${Notice}>${statusSays(template)}<//>` : null}
    ${template.parameters?.unsupported && html`<${Notice} kind="warn">${t("unsupported")}<//>`}
    ${before && before !== category && html`<${Notice} kind="warn">${t("changedCategory", { from: categoryName(before), to: categoryName(category), day: day(since) })}<//>`}`
}

function Detail({ template, all, onChanged }) {
  const prices = usePrices()
  const isEditable = EDITABLE.includes(template.status)
  const items = [
    { label: t("addLanguage"), icon: "Languages", href: `/templates/new?from=${template.id}` },
    all.length > 1 && { label: t("deleteLanguage", { language: languageName(template.language) }), icon: "Trash2", isDanger: true, run: () => remove(template, false, onChanged) },
    { label: t(all.length > 1 ? "deleteAll" : "delete"), icon: "Trash2", isDanger: true, run: () => remove(template, true, onChanged) },
  ]
  return html`<header class="template-head"><a class="icon-button template-back" href="/templates" aria-label=${t("back")} title=${t("back")}><${Icon} name="ArrowLeft" /></a>
      <h2 class="wrap grow" title=${template.name}>${template.name}</h2>
      ${may("admin") && html`<${Button} icon="Pencil" disabled=${!isEditable} title=${isEditable ? undefined : t("notEditable")} onClick=${() => go(`/templates/${template.id}/edit`)}>${t("edit")}<//>
        <${Menu} label=${t("more", { name: template.name })} items=${items} trigger=${(props) => html`<${IconButton} icon="EllipsisVertical" label=${t("more", { name: template.name })} ...${props} />`} />`}
    </header>
    <div class="template-body stack">
      ${all.length > 1 && html`<nav class="template-chips" aria-label=${t("parts")}>${all.map((one) => html`<a key=${one.id} class="chip ${one.id === template.id ? "good" : ""}" href="/templates/${one.id}" aria-current=${one.id === template.id ? "page" : undefined}>${languageName(one.language)}</a>`)}</nav>`}
      <${Standing} template=${template} prices=${prices} />
      <section class="stack tight"><h3>${t("preview")}</h3><${Look} ...${exampleLook(template)} /><p class="small soft">${t("previewHelp")}</p></section>
      <dl class="facts"><div><dt>${t("languageField")}</dt><dd>${languageName(template.language)}</dd></div><div><dt>${t("quality")}</dt><dd>${qualityWords(template.quality)}</dd></div>
        <div><dt>${t("updated")}</dt><dd><${When} at=${template.synced_at} as=${moment} /></dd></div></dl>
    </div>`
}

export function One({ id, onChanged }) {
  const key = oneKey(id)
  const query = useQuery(key, () => readOne(id))
  const status = query.data?.template.status
  // A review mostly ends while somebody looks on.
  useEffect(() => {
    if (status !== "PENDING" && status !== "IN_APPEAL") return undefined
    const timer = setInterval(() => { if (!document.hidden) refresh(key) }, AGAIN)
    return () => { clearInterval(timer); onChanged() }
  }, [status])
  return html`<article class="template-one"><${Loaded} query=${query} retry=${() => refresh(key)} lines=${5} height=${40}>${(found) => (found
    ? html`<${Detail} key=${id} ...${found} onChanged=${onChanged} />`
    : html`<${Empty} icon="FileText" title=${t("unknown")} action=${html`<a class="button" href="/templates">${t("back")}</a>`}>${t("unknownText")}<//>`)}<//></article>`
}

// editor.js: making a template, or changing one, with the message beside it as it will look. What is unfinished is kept
// for as long as the tab is open.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/vendor.js"
import { post, rows } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { refresh } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { Button, Empty, Field, IconButton, Loaded, Notice, Select } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { complain, say } from "../../ui/toasts.js"
import { Body } from "./body-field.js"
import { Buttons } from "./buttons-field.js"
import { problemsOf } from "./checks.js"
import { draftOf, EMPTY, lookOfDraft, templateOf } from "./draft.js"
import { Examples } from "./examples.js"
import { Header } from "./header-field.js"
import { LANGUAGES } from "./languages.js"
import { Look } from "./look.js"
import { readOne } from "./one.js"
import { priceOf, usePrices } from "./prices.js"
import { categoryName, languageName, t } from "./words.js"

const CATEGORIES = ["UTILITY", "MARKETING", "AUTHENTICATION"]

function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key))
  } catch {
    return null
  }
}

function Category({ value, isFixed, onChange }) {
  const prices = usePrices()
  return html`<fieldset class="choice-cards"><legend class="label">${t("category")}</legend>
    ${CATEGORIES.filter((category) => !isFixed || category === value).map((category) => html`<label class="choice-card" key=${category}><input type="radio" name="category" value=${category} checked=${value === category} disabled=${isFixed} onChange=${() => onChange(category)} />
      <span class="grow"><span class="row between"><strong>${categoryName(category)}</strong><span class="numbers">${priceOf(prices, category) ?? ""}</span></span><span class="soft small">${t(`about_${category}`)}</span></span></label>`)}</fieldset>`
}

function Auth({ draft, set, wrong }) {
  return html`<p class="soft">${t("authText")}</p>
    <label class="check"><input type="checkbox" checked=${draft.advice} onChange=${(event) => set({ advice: event.target.checked })} /><span>${t("authAdvice")}</span></label>
    <${Field} label=${t("authMinutes")} help=${t("authMinutesHelp")} wrong=${wrong("minutes")}>${(props) => html`<input ...${props} inputmode="numeric" maxlength="2" value=${draft.minutes} onInput=${(event) => set({ minutes: event.target.value })} />`}<//>
    <${Field} label=${t("buttonText")} wrong=${wrong("codeText")}>${(props) => html`<input ...${props} maxlength="25" placeholder=${t("codeButton")} value=${draft.codeText} onInput=${(event) => set({ codeText: event.target.value })} />`}<//>`
}

function Form({ begin: given, template, accounts, storage }) {
  const begin = useMemo(() => given, [])
  const restored = useMemo(() => kept(storage), [])
  const [draft, setDraft] = useState(() => (restored ? { ...begin, ...restored } : begin))
  const [isRestored, setRestored] = useState(Boolean(restored))
  const [isTold, setTold] = useState(false)
  const form = useRef()
  const set = (more) => setDraft((now) => ({ ...now, ...(typeof more === "function" ? more(now) : more) }))
  useLayoutEffect(() => { // at once: who leaves with the last letter loses nothing
    if (draft === begin) return
    const { url: _url, ...header } = draft.header // an address of this page's own: of no use later
    sessionStorage.setItem(storage, JSON.stringify({ ...draft, header }))
  }, [draft])
  const problems = problemsOf(draft)
  // What is empty is asked for only when somebody wants to submit.
  const wrong = (field, isEmpty) => (isTold || !isEmpty ? problems[field] : undefined)
  const isNew = !template
  const submit = async () => {
    setTold(true)
    const count = Object.keys(problems).length
    if (count) {
      say(t("fix", { n: count }), { isBad: true })
      requestAnimationFrame(() => form.current?.querySelector('[aria-invalid="true"]')?.focus())
      return
    }
    try {
      const done = await post(`templates/${isNew ? "create" : "edit"}`, { template: templateOf(draft), account_id: draft.account })
      sessionStorage.removeItem(storage)
      say(t(done.status === "APPROVED" ? "approvedAtOnce" : "submitted"))
      refresh(`template ${org.value.id}`)
      go(`/templates/${done.template_id}`, { replace: true })
    } catch (error) {
      if (error.detail === "template_exists") say(t("exists"), { isBad: true })
      else complain(error)
    }
  }
  const startOver = () => { sessionStorage.removeItem(storage); setDraft(begin); setRestored(false); setTold(false) }
  const isFixed = !isNew || Boolean(begin.name)
  const title = isNew ? (begin.name ? t("newLanguage", { name: begin.name }) : t("newTitle")) : t("editTitle", { name: template.name })
  return html`<header class="top template-top"><${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => go(template ? `/templates/${template.id}` : "/templates")} /><h1 class="clip">${title}</h1>
      <${Button} kind="primary" icon="Send" onClick=${submit}>${t(isNew ? "submit" : "resubmit")}<//></header>
    <div class="body"><div class="broad template-editor">
      <div class="stack" ref=${form}>
        ${isRestored && html`<${Notice}><div class="row breaks between"><span>${t("restored")}</span><button type="button" class="button" onClick=${startOver}>${t("startOver")}</button></div><//>`}
        ${template?.status === "APPROVED" && html`<${Notice} kind="warn">${t("editWarning")}<//>`}
        <section class="card stack"><${Category} value=${draft.category} isFixed=${template?.status === "APPROVED" || (isNew && isFixed)} onChange=${(category) => set({ category })} />
          <div class="template-names"><${Field} label=${t("name")} help=${isFixed ? undefined : t("nameHelp")} wrong=${wrong("name", !draft.name)}>${(props) => html`<input ...${props} autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="512" disabled=${isFixed} value=${draft.name}
              onInput=${(event) => { event.target.value = event.target.value.toLowerCase().replace(/[\s-]+/g, "_").replace(/[^a-z0-9_]/g, ""); set({ name: event.target.value }) }} />`}<//>
            <${Field} label=${t("languageField")}>${(props) => html`<${Select} ...${props} disabled=${!isNew} value=${draft.language} onChange=${(event) => set({ language: event.target.value })}
              options=${[...new Set([draft.language, ...LANGUAGES])].map((code) => [code, languageName(code)])} />`}<//></div>
          ${isNew && accounts.length > 1 && html`<${Field} label=${t("account")}>${(props) => html`<${Select} ...${props} disabled=${isFixed} value=${draft.account ?? accounts[0].id} onChange=${(event) => set({ account: event.target.value })} options=${accounts.map(({ id, name, waba_id: waba }) => [id, name ?? waba])} />`}<//>`}
        </section>
        <section class="card stack">${draft.category === "AUTHENTICATION" ? html`<${Auth} ...${{ draft, set, wrong }} />` : html`
          <${Header} ...${{ draft, set, wrong }} /><${Body} ...${{ draft, set, wrong }} />
          <${Field} label=${t("footer")} help=${t("footerHelp")} wrong=${wrong("footer")}>${(props) => html`<input ...${props} dir="auto" maxlength="60" value=${draft.footer} onInput=${(event) => set({ footer: event.target.value })} />`}<//>`}</section>
        ${draft.category !== "AUTHENTICATION" && html`<${Examples} ...${{ draft, set, wrong }} /><${Buttons} ...${{ draft, set, wrong }} />`}
      </div>
      <aside class="stack tight template-beside"><h2>${t("preview")}</h2><${Look} ...${lookOfDraft(draft)} /><p class="small soft">${t("previewHelp")}</p></aside>
    </div></div>`
}

/** id: the template to be changed; from: one that gets another language; neither: a new one. */
export function Editor({ id, from }) {
  const [query, setQuery] = useState({})
  // Read anew each time: what is being changed must be as it is now.
  useEffect(() => {
    let isCurrent = true
    const read = Promise.all([id || from ? readOne(id ?? from) : null, rows("whatsapp_accounts", (ask) => ask.select("id, name, waba_id").eq("status", "connected").order("connected_at"))])
    read.then(([found, accounts]) => { if (isCurrent) setQuery({ data: { ...found, accounts } }) }, (error) => { if (isCurrent) setQuery({ problem: asProblem(error) }) })
    return () => { isCurrent = false }
  }, [])
  return html`<${Loaded} query=${query} lines=${8} height=${48}>${({ template, all, accounts }) => {
    if ((id || from) && !template) return html`<${Empty} icon="FileText" title=${t("unknown")} action=${html`<a class="button" href="/templates">${t("back")}</a>`}>${t("unknownText")}<//>`
    if (!accounts.length) return html`<${Empty} icon="MessageCircle" title=${t("unconnectedTitle")} action=${html`<a class="button primary" href="/settings/whatsapp"><${Icon} name="MessageCircle" size=${16} />${t("connect")}</a>`}>${t("unconnectedText")}<//>`
    const begin = id ? draftOf(template) : from ? { ...draftOf(template), language: LANGUAGES.find((code) => !all.some(({ language }) => language === code)) } : EMPTY
    return html`<${Form} ...${{ begin, accounts }} template=${id ? template : null} storage=${`flow-template ${org.value.id} ${id ?? `new ${from ?? ""}`}`} />`
  }}<//>`
}

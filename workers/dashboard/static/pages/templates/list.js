// list.js: the templates by name, searched and filtered, each with its languages and where they stand.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { number } from "../../lib/formats.js"
import { go } from "../../lib/router.js"
import { may } from "../../lib/session.js"
import { Button, Chip, Empty, IconButton, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { Windowed } from "../../ui/windowed.js"
import { usePages } from "../../lib/paged.js"
import { categoryName, languageName, STATE_LOOKS, statusWords, t } from "./words.js"

const STATES = ["approved", "review", "rejected", "stopped"]
const CATEGORIES = ["UTILITY", "MARKETING", "AUTHENTICATION"]
const HEIGHT = 104
const memory = { top: 0 }
const keyOf = ({ name, account_id: account }) => `${account} ${name}`

/** The pages of the list; counts and accounts come with the first. */
export function useTemplates(filter) {
  const [about, setAbout] = useState(null)
  const list = usePages(`templates ${JSON.stringify(filter)}`, async (after) => {
    const { templates, next, ...rest } = await rpc("list_templates", { filter, after, page_size: 50 })
    if (!after) setAbout(rest)
    return { items: templates, next }
  }, keyOf)
  return { list, about }
}

function Language({ language }) {
  const { kind, icon } = STATE_LOOKS[language.state]
  const label = `${languageName(language.language)}: ${statusWords(language)}`
  return html`<span class="chip ${kind}" title=${label}><${Icon} name=${icon} size=${14} /><span class="clip">${language.state === "approved" ? languageName(language.language) : label}</span></span>`
}

const Row = ({ template, openId }) => {
  const isOpen = template.languages.some(({ template_id: id }) => id === openId)
  const worst = template.languages.toSorted((a, b) => STATES.indexOf(b.state) - STATES.indexOf(a.state))
  return html`<a class="template-row" href="/templates/${template.languages[0].template_id}" aria-current=${isOpen ? "true" : undefined}>
    <span class="row"><strong class="clip grow">${template.name}</strong><span class="small soft">${categoryName(template.category)}</span></span>
    <bdi class="clip soft" dir="auto">${(template.text ?? t("authBody", { code: "123456" })).replace(/([*~_])(?=\S)(.+?)\1(?!\w)/g, "$2")}</bdi>
    <span class="row template-languages">${worst.slice(0, 3).map((language) => html`<${Language} key=${language.template_id} language=${language} />`)}${worst.length > 3 && html`<${Chip}>+${number(worst.length - 3)}<//>`}</span></a>`
}

export function List({ list, about, filter, setFilter, openId }) {
  const [query, setQuery] = useState(filter.query ?? "")
  useEffect(() => {
    const timer = setTimeout(() => { setFilter((now) => (query === (now.query ?? "") ? now : { ...now, query: query || undefined })) }, 250)
    return () => clearTimeout(timer)
  }, [query])
  const counts = about?.counts ?? {}
  const isFiltered = filter.query || filter.state || filter.category
  const clear = () => { setQuery(""); setFilter({}) }
  const chip = (state, label, count) => html`<button type="button" class="chip" key=${label} aria-pressed=${filter.state === state} onClick=${() => setFilter((now) => ({ ...now, state }))}>${label}${count !== undefined && html`<span class="numbers">${number(count)}</span>`}</button>`
  return html`<section class="template-list" aria-label=${t("list")}>
    <div class="template-filters">
      <div class="row"><label class="search grow"><${Icon} name="Search" size=${18} /><span class="hidden-visually">${t("search")}</span><input type="search" placeholder=${t("search")} value=${query} onInput=${(event) => setQuery(event.target.value)} />
        ${query && html`<${IconButton} icon="X" size=${16} label=${t("clear")} onClick=${() => setQuery("")} />`}</label>
        <${Menu} label=${t("category")} items=${[undefined, ...CATEGORIES].map((category) => ({ label: category ? categoryName(category) : t("allCategories"), isChosen: filter.category === category, run: () => setFilter((now) => ({ ...now, category })) }))}
          trigger=${(props) => html`<${IconButton} icon="Filter" label=${filter.category ? `${t("category")}: ${categoryName(filter.category)}` : t("category")} aria-pressed=${Boolean(filter.category)} ...${props} />`} /></div>
      <div class="template-chips" role="group" aria-label=${t("states")}>${chip(undefined, t("all"))}${STATES.filter((state) => counts[state] || filter.state === state).map((state) => chip(state, t(state), counts[state] ?? 0))}</div>
    </div>
    ${list.isFresh && !list.problem ? html`<div class="template-skeleton"><${Skeleton} lines=${6} height=${72} /></div>`
      : list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("retry")}<//>`} />`
      : list.items.length ? html`<${Windowed} key=${JSON.stringify(filter)} items=${list.items} keyOf=${keyOf} height=${HEIGHT} onEnd=${list.more} memory=${isFiltered ? undefined : memory} label=${t("list")}
          render=${(template) => html`<${Row} template=${template} openId=${openId} />`} />`
      : isFiltered ? html`<${Empty} icon="Filter" title=${t("nothingFits")} action=${html`<${Button} onClick=${clear}>${t("showAll")}<//>`} />`
      : html`<${Empty} icon="FileText" title=${t("emptyTitle")} action=${may("admin") && html`<${Button} kind="primary" icon="Plus" onClick=${() => go("/templates/new")}>${t("new")}<//>`}>${t("emptyText")}<//>`}
  </section>`
}

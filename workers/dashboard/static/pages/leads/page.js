// page.js: all leads of the organization: as a board or a table, by filter and view, searched, added.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { match } from "../../lib/router.js"
import { may } from "../../lib/session.js"
import { Button, Empty, IconButton, Loaded, Select } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { pages } from "../pages.js"
import { addLead } from "./adding.js"
import { Board } from "./board.js"
import { FilterChips, FilterDialog, partsOf } from "./filters.js"
import { Found } from "./found.js"
import { recall, useReference } from "./reference.js"
import { chooseNone, isWide, Table } from "./table.js"
import { saveView, useViews, Views } from "./views.js"
import { show, where } from "./where.js"
import { useLeadChanges } from "./changes.js"
import { t } from "./words.js"

const INDIAMART = "/settings/indiamart"
/** Whether there is a page to connect IndiaMART, and the person may. */
const hasIndiamart = () => may("admin") && pages.some(({ path }) => match(path, INDIAMART))

export default function Leads({ query }) {
  const reference = useReference()
  return html`<${Loaded} query=${reference} retry=${recall} lines=${8}>${(known) => html`<${Shown} reference=${known} at=${where(query)} />`}<//>`
}

function Shown({ reference, at }) {
  const [isFiltering, setFiltering] = useState(false)
  const [isSearching, setSearching] = useState(Boolean(at.search))
  const box = useRef()
  const views = useViews()
  const pipeline = reference.the("pipeline", at.pipeline)?.id ?? reference.pipelines[0]?.id
  const shownBy = JSON.stringify([at.layout, pipeline, at.filter, at.sort])
  useEffect(() => chooseNone, [shownBy])
  useLeadChanges(() => { if (!reference.hasLeads) recall() })
  useEffect(() => {
    const press = (event) => {
      if (event.key === "/" && !event.target.closest("input, textarea, select, dialog")) { event.preventDefault(); box.current?.focus() }
    }
    addEventListener("keydown", press)
    return () => removeEventListener("keydown", press)
  }, [])
  const parts = partsOf(at.filter, reference)
  const setFilter = (filter) => { setFiltering(false); show({ filter }) }
  const add = () => { addLead().then((id) => { if (id) recall() }) }
  const stopSearch = () => { setSearching(false); show({ search: "" }) }
  const menu = [
    !isWide.value && (at.layout === "board" ? { label: t("asTable"), icon: "List", run: () => show({ layout: "table" }) } : { label: t("asBoard"), icon: "Columns3", run: () => show({ layout: "board" }) }),
    { label: t("importFile"), icon: "FileSpreadsheet", href: "/leads/import" },
    { label: t("duplicates"), icon: "Users", href: "/leads/duplicates" },
    may("admin") && { label: t("setup"), icon: "Settings", href: "/leads/setup" },
    may("admin") && { label: t("broadcast"), icon: "Megaphone", href: `/broadcasts/new?${new URLSearchParams({ f: JSON.stringify({ ...at.filter, ...(reference.pipelines.length > 1 && { pipeline }) }) })}` },
    { label: t("saveView"), icon: "Save", run: () => saveView({ ...at, pipeline }, null) },
  ]
  const isEmpty = !reference.hasLeads
  return html`<header class="top leads-top ${isSearching ? "searching" : ""}">
      <h1><${Views} views=${views} at=${{ ...at, pipeline }} /></h1>
      <label class="search"><${Icon} name="Search" size=${18} /><span class="hidden-visually">${t("search")}</span>
        <input type="search" ref=${box} class="input" placeholder=${t("searchExample")} value=${at.search} onInput=${(event) => show({ search: event.target.value })}
          onKeyDown=${(event) => { if (event.key === "Escape") stopSearch() }} /></label>
      ${isSearching ? html`<${IconButton} icon="X" label=${t("stopSearch")} onClick=${stopSearch} />` : html`<span class="phone-only"><${IconButton} icon="Search" label=${t("search")} onClick=${() => { setSearching(true); setTimeout(() => box.current.focus()) }} /></span>`}
      <div class="row layouts" role="group" aria-label=${t("layout")}>
        <${IconButton} icon="Columns3" label=${t("asBoard")} aria-pressed=${at.layout === "board"} onClick=${() => show({ layout: "board" })} />
        <${IconButton} icon="List" label=${t("asTable")} aria-pressed=${at.layout !== "board"} onClick=${() => show({ layout: "table" })} /></div>
      <${IconButton} icon="Filter" label=${t("filter")} aria-pressed=${parts.length > 0} onClick=${() => setFiltering(true)} />
      <${Menu} label=${t("moreHere")} items=${menu} trigger=${({ ref, ...props }) => html`<button type="button" class="icon-button" aria-label=${t("moreHere")} title=${t("moreHere")} ref=${ref} ...${props}><${Icon} name="EllipsisVertical" /></button>`} />
      <span class="add"><${Button} kind="primary" icon="Plus" onClick=${add}><span class="hidden-phone">${t("addLead")}</span><//></span>
    </header>
    ${!at.search && (parts.length > 0 || reference.pipelines.length > 1) && html`<div class="lead-filters row breaks">
      ${reference.pipelines.length > 1 && html`<div class="pipeline"><${Select} aria-label=${t("pipeline")} value=${pipeline} options=${reference.pipelines.map(({ id, name }) => [id, name])} onChange=${(event) => show({ pipeline: event.target.value, view: null, filter: { ...at.filter, stage: undefined } })} /></div>`}
      <${FilterChips} filter=${at.filter} reference=${reference} onChange=${setFilter} />
      ${parts.length > 1 && html`<button type="button" class="button quiet" onClick=${() => setFilter({})}>${t("clearFilters")}</button>`}</div>`}
    ${at.search.trim() ? html`<${Found} text=${at.search} reference=${reference} />`
      : isEmpty ? html`<${Empty} icon="Inbox" title=${t("noLeads")} action=${html`<div class="row breaks center">${hasIndiamart() && html`<a class="button primary" href=${INDIAMART}><${Icon} name="Store" size=${16} />${t("connectIndiamart")}</a>`}
          ${may("admin") && html`<a class="button" href="/leads/import"><${Icon} name="FileSpreadsheet" size=${16} />${t("importFile")}</a>`}<${Button} icon="Plus" onClick=${add}>${t("addLead")}<//></div>`}>${t("noLeadsText")}<//>`
      : at.layout === "board" ? html`<${Board} key=${pipeline} reference=${reference} pipeline=${pipeline} filter=${at.filter} />`
      : html`<${Table} reference=${reference} pipeline=${pipeline} filter=${at.filter} sort=${at.sort} onClear=${parts.length ? () => setFilter({}) : null} />`}
    ${isFiltering && html`<${FilterDialog} filter=${at.filter} reference=${reference} pipeline=${pipeline} onApply=${setFilter} onClose=${() => setFiltering(false)} />`}`
}

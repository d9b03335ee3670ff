// list.js: the list of conversations with its filters and its search.
import { html, signal, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { Button, Empty, IconButton, lazy, Skeleton } from "../../ui/basics.js"
import { BellLink } from "../../ui/bell.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { Windowed } from "../../ui/windowed.js"
import { again, cards, choose, list, memory, more, VIEWS } from "./cards.js"
import { Row } from "./row.js"
import { labelOf, labels, numbers } from "./team.js"
import { t } from "./words.js"

const Found = lazy(() => import("./found.js"))
const HEIGHT = 72
const query = signal("")

function Search() {
  const [typed, setTyped] = useState(query.value)
  const timer = useRef()
  const change = (value) => {
    setTyped(value)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => { query.value = value.trim() }, 200)
  }
  useEffect(() => () => clearTimeout(timer.current), [])
  return html`<div class="search"><${Icon} name="Search" size=${18} /><input type="search" aria-label=${t("search")} placeholder=${t("search")} value=${typed} maxlength="200"
    onInput=${(event) => change(event.target.value)} onKeyDown=${(event) => { if (event.key === "Escape") change("") }} />
    ${typed && html`<${IconButton} icon="X" size=${16} label=${t("clear")} onClick=${() => { change(""); query.value = "" }} />`}</div>`
}

const EMPTY = { all: ["MessagesSquare", "emptyAll", "emptyAllText"], mine: ["UserCheck", "emptyMine", "emptyMineText"], unassigned: ["CircleCheck", "emptyUnassigned", "emptyUnassignedText"], unread: ["CircleCheck", "emptyUnread", "emptyUnreadText"], attention: ["CircleCheck", "emptyAttention", "emptyAttentionText"], resolved: ["Archive", "emptyResolved", "emptyResolvedText"] }

function NothingHere() {
  const { view, label } = list.value
  if (label) return html`<${Empty} icon="Tag" title=${t("emptyLabel")} action=${html`<${Button} onClick=${() => choose(view)}>${t("allLabels")}<//>`} />`
  const [icon, title, text] = EMPTY[view]
  const isFirst = view === "all" && !numbers.value.some(({ status }) => status !== "disconnected")
  return html`<${Empty} icon=${icon} title=${t(title)} action=${view !== "all" && html`<${Button} onClick=${() => choose("all")}>${t("showAll")}<//>`}>${t(isFirst ? "emptyUnconnected" : text)}<//>`
}

export function List() {
  const { view, label, ids, isLoading, isDone, problem } = list.value
  const known = cards.value
  const filterItems = [
    { label: t("allLabels"), isChosen: !label, run: () => choose(view) },
    ...labels.value.map(({ id, name, colour }) => ({ label: name, dot: colour, isChosen: label === id, run: () => choose(view, id) })),
  ]
  return html`<section class="threads" aria-label=${t("inbox")}>
    <div class="threads-top"><div class="row"><h1 class="grow">${t("inbox")}</h1>
      ${labels.value.length > 0 && html`<${Menu} label=${t("byLabel")} items=${filterItems} trigger=${(props) => html`<button type="button" class="icon-button" aria-label=${t("byLabel")} title=${t("byLabel")} aria-pressed=${Boolean(label)} ...${props}><${Icon} name="Tag" /></button>`} />`}
      <${BellLink} /></div>
      <${Search} />
      ${!query.value && html`<div class="filters" role="group" aria-label=${t("filters")}>${VIEWS.map((each) => html`<button type="button" class="chip" key=${each} aria-pressed=${each === view} onClick=${() => choose(each, label)}>${t(`view_${each}`)}</button>`)}</div>`}
      ${label && !query.value && html`<button type="button" class="chip label-filter" aria-label=${t("dropLabel")} onClick=${() => choose(view)}><span class="dot" style=${{ background: labelOf(label)?.colour }}></span><bdi class="clip">${labelOf(label)?.name ?? t("byLabel")}</bdi><${Icon} name="X" size=${14} /></button>`}</div>
    ${query.value ? html`<${Found} query=${query.value} />`
      : problem && !ids.length ? html`<${Empty} icon="CircleAlert" title=${problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${again}>${t("tryAgain")}<//>`} />`
      : !ids.length && isLoading ? html`<div class="threads-skeleton"><${Skeleton} lines=${8} height=${56} gap=${16} /></div>`
      : !ids.length ? html`<${NothingHere} />`
      : html`<${Windowed} key=${`${view} ${label}`} items=${ids} keyOf=${(id) => id} height=${HEIGHT} memory=${memory} onEnd=${more} label=${t("conversations")} render=${(id) => html`<${Row} card=${known[id]} />`}>
          ${!isDone && problem && html`<div class="threads-more"><span class="small">${problem.words}</span><${Button} kind="quiet" icon="RefreshCw" onClick=${again}>${t("tryAgain")}<//></div>`}<//>`}
  </section>`
}

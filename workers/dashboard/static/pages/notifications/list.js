// list.js: what a person was told, the newest first; in the bell's panel and on the page.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief, full } from "../../lib/formats.js"
import { useMembers } from "../../lib/members.js"
import { count, unread } from "../../ui/bell.js"
import { Button, Empty, IconButton, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { complain } from "../../ui/toasts.js"
import { usePages } from "../../lib/paged.js"
import { hrefOf, said } from "./items.js"
import { t } from "./words.js"

const ICONS = { new_message: "MessageCircle", new_lead: "Inbox", number_needs_attention: "TriangleAlert", task_due: "Clock", task_assigned: "SquareCheck", lead_assigned: "UserCheck", mention: "MessageSquare", ticket_answered: "CircleHelp", ticket_access: "Eye" }
const PAGE = 30

/** Reads on when it comes into sight. */
function Older({ list }) {
  const box = useRef()
  useEffect(() => {
    const observer = new IntersectionObserver(([{ isIntersecting }]) => { if (isIntersecting) list.more() }, { rootMargin: "200px" })
    observer.observe(box.current)
    return () => observer.disconnect()
  })
  return html`<div ref=${box} class="row center"><${Button} kind="quiet" busy=${list.isLoading} onClick=${list.problem ? list.again : list.more}>${t("older")}<//></div>`
}

/** onLeave: called when people follow one of them. */
export default function List({ onLeave, isPage = false }) {
  const [onlyUnread, setOnlyUnread] = useState(false)
  const list = usePages(`notifications/${onlyUnread}`, async (before) => {
    const { items, next } = await rpc("my_notifications", { page_size: PAGE, only_unread: onlyUnread, before_id: before })
    return { items, next }
  })
  const members = useMembers().data ?? []
  const nameOf = (id) => members.find((member) => member.id === id)?.name
  useEffect(() => { if (!list.isFresh) list.again() }, [unread.value])
  const read = async (ids) => {
    const at = new Date().toISOString()
    list.change((items) => items.map((item) => (ids === null || ids.includes(item.id) ? { ...item, read_at: item.read_at ?? at } : item)))
    try {
      unread.value = (await rpc("read_notifications", { ids })).unread
    } catch (error) {
      complain(error)
      list.again()
      count()
    }
  }
  const follow = (item) => { if (!item.read_at) read([item.id]); onLeave?.() }
  return html`<div class="told ${isPage ? "card" : ""}">
    <div class="row told-head">${!isPage && html`<h2 class="grow">${t("notifications")}</h2>`}
      <button type="button" class="chip" aria-pressed=${!onlyUnread} onClick=${() => setOnlyUnread(false)}>${t("all")}</button><button type="button" class="chip" aria-pressed=${onlyUnread} onClick=${() => setOnlyUnread(true)}>${t("onlyUnread")}</button>
      ${isPage && html`<span class="grow"></span>`}
      <${IconButton} icon="CheckCheck" label=${t("readAll")} disabled=${!unread.value} onClick=${() => read(null)} />
      <a class="icon-button" href="/settings/notifications" aria-label=${t("choices")} title=${t("choices")} onClick=${() => onLeave?.()}><${Icon} name="Settings" /></a></div>
    <div class="told-body">${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="told-skeleton"><${Skeleton} lines=${5} height=${40} gap=${16} /></div>`
      : !list.items.length ? html`<${Empty} icon="Bell" title=${t(onlyUnread ? "noneUnread" : "none")}>${!onlyUnread && t("noneText")}<//>`
      : html`<ul class="list">${list.items.map((item) => {
        const { title, text } = said(item, nameOf)
        return html`<li key=${item.id}><a class="told-item ${item.read_at ? "" : "unread"}" href=${hrefOf(item) ?? "/notifications"} onClick=${() => follow(item)}>
          <${Icon} name=${ICONS[item.kind] ?? "Bell"} size=${18} /><span class="grow stack"><span class="wrap two-lines">${title}</span>${text && html`<span class="clip small soft"><bdi>${text}</bdi></span>`}</span>
          <time class="small soft numbers" datetime=${item.at} title=${full(item.at)}>${brief(item.at)}</time>${!item.read_at && html`<span class="dot" role="img" aria-label=${t("unread")}></span>`}</a></li>`
      })}</ul>${!list.isEnd && html`<${Older} list=${list} />`}`}</div>
  </div>`
}

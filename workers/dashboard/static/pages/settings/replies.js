// replies.js: the quick replies: those of everybody, which admins keep, and one's own.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Chip, Empty, IconButton, Notice, Skeleton } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { complain, say } from "../../ui/toasts.js"
import { usePages } from "../../lib/paged.js"
import { t } from "./replies-words.js"
import { edit } from "./reply-editor.js"

const PAGE = 100

async function read(search, after) {
  const words = search.trim().replace(/[%*\\"(),.:]/g, "_") // signs of the filter's own stand for any sign
  const found = await rows("quick_replies", (query) => {
    let asked = query.select("id, shortcut, title, body, media_id, owner_id").order("shortcut").order("id").limit(PAGE)
    if (words) asked = asked.or(["shortcut", "title", "body"].map((column) => `${column}.ilike.%${words}%`).join(","))
    return after ? asked.or(`shortcut.gt.${after.shortcut},and(shortcut.eq.${after.shortcut},id.gt.${after.id})`) : asked
  })
  return { items: found, next: found.length === PAGE ? found.at(-1) : null }
}

function Reply({ reply, onEdit, onDelete }) {
  const mayChange = reply.owner_id || may("admin")
  return html`<li class="row reply"><div class="grow stack reply-text"><p class="row"><strong class="reply-key">/${reply.shortcut}</strong><span class="clip grow"><bdi>${reply.title}</bdi></span>${reply.media_id && html`<${Icon} name="Paperclip" size=${16} label=${t("withFile")} />`}${reply.owner_id && html`<${Chip} icon="User">${t("mine")}<//>`}</p>
      <p class="soft clip"><bdi>${reply.body}</bdi></p></div>
    ${mayChange && html`<${IconButton} icon="Pencil" size=${16} label=${t("edit", { name: reply.shortcut })} onClick=${onEdit} /><${IconButton} icon="Trash2" size=${16} label=${t("delete", { name: reply.shortcut })} onClick=${onDelete} />`}</li>`
}

export default function Replies() {
  const [query, setQuery] = useState("")
  const [asked, setAsked] = useState("")
  useEffect(() => {
    const timer = setTimeout(() => setAsked(query), 250)
    return () => clearTimeout(timer)
  }, [query])
  const list = usePages(`replies ${asked}`, (after) => read(asked, after))
  const numbers = useQuery(`reply-numbers ${org.value.id}`, () => rows("whatsapp_numbers", (ask) => ask.select("id").neq("status", "disconnected").order("connected_at").limit(1))).data ?? []
  const changed = (words) => { list.again(); say(words) }
  const open = async (reply) => { if (await edit(reply, numbers)) changed(t("saved")) }
  const remove = async (reply) => {
    if (!(await confirm({ title: t("deleteTitle", { name: reply.shortcut }), text: t("deleteText"), action: t("deleteAction"), isDanger: true }))) return
    await rpc("delete_quick_reply", { quick_reply_id: reply.id })
    changed(t("deleted"))
  }
  const isEmpty = !list.items.length && !list.isFresh && !asked
  return html`<p class="soft">${t("text")}</p>
    ${!isEmpty && html`<div class="row breaks"><label class="search grow"><${Icon} name="Search" size=${18} /><span class="hidden-visually">${t("search")}</span><input type="search" placeholder=${t("search")} value=${query} onInput=${(event) => setQuery(event.target.value)} /></label>
      <${Button} kind="primary" icon="Plus" onClick=${() => open(null).catch(complain)}>${t("new")}<//></div>`}
    ${list.problem && html`<${Notice} kind="bad">${list.problem.words}<//>`}
    ${list.isFresh && !list.problem ? html`<${Skeleton} lines=${4} height=${48} />`
      : isEmpty ? html`<${Empty} icon="Zap" title=${t("none")} action=${html`<${Button} kind="primary" icon="Plus" onClick=${() => open(null).catch(complain)}>${t("new")}<//>`}>${t("noneText")}<//>`
      : list.items.length ? html`<ul class="list card replies">${list.items.map((reply) => html`<${Reply} key=${reply.id} reply=${reply} onEdit=${() => open(reply).catch(complain)} onDelete=${() => remove(reply).catch(complain)} />`)}</ul>`
      : html`<p class="soft">${t("noneFound")}</p>`}
    ${!list.isEnd && list.items.length > 0 && html`<div><${Button} onClick=${list.more}>${t("more")}<//></div>`}`
}

// note.js: what colleagues tell each other beside the messages; its author may change or remove it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { clock, full } from "../../lib/formats.js"
import { Problem } from "../../lib/problems.js"
import { person } from "../../lib/session.js"
import { Button } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { drop, retry } from "./outbox.js"
import { members, nameOf } from "./team.js"
import { t } from "./words.js"

/** Whom a text calls by @name. */
export const mentionsIn = (text) => members.value.filter(({ name }) => text.includes(`@${name}`)).map(({ id }) => id)

const parts = (text, names) => {
  const known = [...names].filter(Boolean).sort((one, other) => other.length - one.length)
  const found = []
  for (let rest = text; rest;) {
    const at = rest.indexOf("@")
    const name = at < 0 ? null : known.find((each) => rest.startsWith(each, at + 1))
    if (at < 0) { found.push(rest); break }
    const end = at + 1 + (name?.length ?? 0)
    found.push(rest.slice(0, at), name ? html`<strong class="mention">@${name}</strong>` : "@")
    rest = rest.slice(end)
  }
  return found
}

export function Note({ note, thread }) {
  const [text, setText] = useState(null)
  const { unsent } = note
  const isMine = note.author_id === person.value.id && !unsent
  const title = note.author_id === person.value.id ? t("noteMine") : t("noteBy", { who: nameOf(note.author_id) })
  const reload = () => thread.changed({ kinds: ["note"] })
  const save = async () => {
    await rpc("edit_note", { note_id: note.note_id, text, mentions: mentionsIn(text) })
    setText(null)
    await reload()
  }
  const remove = async () => {
    if (!(await confirm({ title: t("deleteNote"), text: t("deleteNoteText"), action: t("delete"), isDanger: true }))) return
    await rpc("delete_note", { note_id: note.note_id })
    await reload()
  }
  return html`<article class="note ${note.mentions?.includes(person.value.id) ? "to-me" : ""}" aria-label=${title}>
    <div class="row between"><span class="small clip"><${Icon} name="Lock" size=${13} /> <strong>${title}</strong></span>
      ${isMine && html`<${Menu} label=${t("actions")} items=${[{ label: t("edit"), icon: "Pencil", run: () => setText(note.text) }, { label: t("delete"), icon: "Trash2", isDanger: true, run: remove }]}
        trigger=${(props) => html`<button type="button" class="bubble-menu still" aria-label=${t("actions")} ...${props}><${Icon} name="ChevronDown" size=${16} /></button>`} />`}</div>
    ${text === null ? html`<div class="wrap note-text" dir="auto">${parts(note.text, new Set((note.mentions ?? []).map((id) => nameOf(id, { you: false }))))}</div>`
      : html`<textarea class="input" aria-label=${t("note")} maxlength="10000" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>
        <div class="row"><${Button} kind="primary" disabled=${!text.trim()} onClick=${save}>${t("save")}<//><${Button} onClick=${() => setText(null)}>${t("cancel")}<//></div>`}
    <div class="meta">${note.edited_at && html`<span>${t("edited")}</span>`}<time datetime=${note.at} title=${full(note.at)}>${clock(note.at)}</time>${unsent && html`<${Icon} name="Clock" size=${14} label=${t("status_waiting")} />`}</div>
    ${unsent?.state === "refused" && html`<div class="failure" role="alert"><span class="wrap">${new Problem({ ...unsent.problem, message: unsent.problem.given }).words}</span>
      <div class="row"><${Button} kind="quiet" onClick=${() => retry(unsent.token)}>${t("tryAgain")}<//><${Button} kind="quiet" onClick=${() => drop(unsent.token)}>${t("discard")}<//></div></div>`}
  </article>`
}

// reply-editor.js: a quick reply being written, with the text beside it as a customer would read it.
import { html, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { may, org, person } from "../../lib/session.js"
import { Button, Check, Field, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Menu } from "../../ui/menu.js"
import { FileField } from "../inbox/file-field.js"
import { Look } from "../templates/look.js"
import { t } from "./replies-words.js"

const PLACES = ["name", "product", "company", "city", "state", "phone", "title", "agent", "organization"]
const PLACE = /\{([\p{L}_]+)(?:\|([^{}]*))?\}/gu
const MOST = 4096
const example = (name) => (name === "agent" ? person.value.name : name === "organization" ? org.value.name : t(`e_${name}`))

/** The text with examples; as public.fill_quick_reply does it with a conversation's own values. */
const filled = (body) => body.replace(PLACE, (whole, name) => (PLACES.includes(name.toLowerCase()) ? example(name.toLowerCase()) : whole))

function problemsOf({ shortcut, body }) {
  const strange = [...body.matchAll(PLACE)].find(([, name]) => !PLACES.includes(name.toLowerCase()))
  const length = [...body.trim()].length
  return {
    shortcut: /^[a-z0-9_-]{1,32}$/.test(shortcut) ? null : t("wrong_shortcut"),
    body: !length ? t("wrong_body") : length > MOST ? t("wrong_long", { n: length }) : strange ? t("wrong_place", { name: strange[0] }) : null,
  }
}

/** reply null: a new one. Gives true when it was saved. */
export const edit = (reply, numbers) => show((close) => html`<${Dialog} title=${t(reply ? "change" : "new")} isWide onClose=${() => close()}><${Form} ...${{ reply, numbers, close }} /><//>`)

function Form({ reply, numbers, close }) {
  const box = useRef()
  const [given, setGiven] = useState({ shortcut: reply?.shortcut ?? "", title: reply?.title ?? "", body: reply?.body ?? "", personal: reply ? Boolean(reply.owner_id) : !may("admin"), media: reply?.media_id ?? null, kind: reply?.media_id ? "kept" : "" })
  const [isTold, setTold] = useState(false)
  const [problem, setProblem] = useState(null)
  const set = (more) => { setGiven((now) => ({ ...now, ...more })); setProblem(null) }
  const wrong = problemsOf(given)
  const isTaken = problem?.detail === "shortcut_taken"
  const insert = (name) => {
    const { selectionStart: from, selectionEnd: to } = box.current
    const added = `{${name}}`
    set({ body: given.body.slice(0, from) + added + given.body.slice(to) })
    requestAnimationFrame(() => { box.current.focus(); box.current.setSelectionRange(from + added.length, from + added.length) })
  }
  const save = async () => {
    setTold(true)
    if (wrong.shortcut || wrong.body) return
    try {
      const { shortcut, title, body, personal, media } = given
      await rpc("save_quick_reply", { reply: { shortcut, title: title.trim() || shortcut, body, personal, media_id: media }, quick_reply_id: reply?.id ?? null })
      close(true)
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  const length = [...given.body].length
  const kinds = [["", t("fileNone")], ...(reply?.media_id ? [["kept", t("file_kept")]] : []), ...["image", "video", "document"].map((kind) => [kind, t(`file_${kind}`)])]
  return html`<div class="template-form"><div class="stack">
      <${Field} label=${t("shortcut")} help=${t("shortcutHelp")} wrong=${isTaken ? t("wrong_taken") : isTold || given.shortcut ? wrong.shortcut : undefined}>${(props) => html`<input ...${props} autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="33" value=${given.shortcut} onInput=${(event) => { event.target.value = event.target.value.toLowerCase().replace(/^\//, "").replaceAll(" ", "-"); set({ shortcut: event.target.value }) }} />`}<//>
      <${Field} label=${t("title")} help=${t("titleHelp")}>${(props) => html`<input ...${props} dir="auto" maxlength="100" value=${given.title} onInput=${(event) => set({ title: event.target.value })} />`}<//>
      <${Field} label=${t("body")} help=${t("emptyHelp")} wrong=${isTold || given.body.trim() ? wrong.body : undefined}>${(props) => html`<textarea ...${props} ref=${box} dir="auto" rows="5" value=${given.body} onInput=${(event) => set({ body: event.target.value })}></textarea>`}<//>
      <div class="row between"><${Menu} label=${t("insert")} items=${PLACES.map((name) => ({ label: t(`p_${name}`), hint: `{${name}}`, run: () => insert(name) }))} trigger=${({ ref, ...props }) => html`<span ref=${ref}><${Button} icon="Plus" ...${props}>${t("insert")}<//></span>`} />
        <span class="small numbers ${length > MOST ? "danger" : "soft"}">${t("length", { n: length, most: MOST })}</span></div>
      ${(numbers.length > 0 || reply?.media_id) && html`<${Field} label=${t("file")}>${(props) => html`<${Select} ...${props} value=${given.kind} onChange=${(event) => set({ kind: event.target.value, media: event.target.value === "kept" ? reply.media_id : null })} options=${kinds} />`}<//>
        ${["image", "video", "document"].includes(given.kind) && html`<${FileField} key=${given.kind} kind=${given.kind} number=${numbers[0]?.id} value=${given.media} onChange=${(media) => set({ media })} />`}`}
      ${!reply && may("admin") && html`<${Check} label=${t("personal")} help=${t("personalHelp")} checked=${given.personal} onChange=${(event) => set({ personal: event.target.checked })} />`}
    </div>
    <div class="stack tight"><h3>${t("preview")}</h3><${Look} header=${given.media ? { format: given.kind === "kept" ? "DOCUMENT" : given.kind.toUpperCase() } : null} body=${filled(given.body) || "…"} /><p class="small soft">${t("previewHelp", { name: t("e_name"), product: t("e_product") })}</p></div></div>
    ${problem && !isTaken && html`<${Notice} kind="bad">${problem.words}<//>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" onClick=${save}>${t("save")}<//></div>`
}

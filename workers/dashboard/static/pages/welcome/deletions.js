// deletions.js: organizations of the person that are about to be deleted; an owner can take it back.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { date } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { loadOrganizations } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Button, Notice } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"

const t = words({
  en: { scheduled: "{name} stands still and will be deleted on {day}.", under: "{name} is being deleted.", certificate: "How it stands, and later its certificate", cancel: "Keep it after all", back: "{name} is kept. Connect WhatsApp and IndiaMART anew." },
  hi: { scheduled: "{name} रुका है और {day} को मिटाया जाएगा।", under: "{name} मिटाया जा रहा है।", certificate: "अभी की स्थिति, और बाद में प्रमाणपत्र", cancel: "इसे रहने दें", back: "{name} रहेगा। WhatsApp और IndiaMART फिर से जोड़ें।" },
})

const KEY = "my-deletions"

export function Deletions() {
  const query = useQuery(KEY, () => rpcAlone("my_deletions"))
  const keep = async ({ id, name }) => {
    await rpcAlone("cancel_deletion", { deletion_id: id })
    await loadOrganizations()
    refresh(KEY)
    say(t("back", { name }))
  }
  return (query.data ?? []).map((deletion) => html`<${Notice} kind="warn" key=${deletion.id}><div class="stack tight">
    <p class="wrap">${t(deletion.may_cancel ? "scheduled" : "under", { name: deletion.name, day: date(deletion.purge_at) })}</p>
    <p><a href="/deletions/${deletion.id}" data-leave>${t("certificate")}</a></p>
    ${deletion.may_cancel && html`<div><${Button} icon="Undo2" onClick=${() => keep(deletion)}>${t("cancel")}<//></div>`}</div><//>`)
}

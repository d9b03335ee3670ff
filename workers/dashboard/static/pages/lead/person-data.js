// person-data.js: everything about one person, as a file: what they may ask the business for.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { may } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Button } from "../../ui/basics.js"

const t = words({
  en: { download: "Download this person's data" },
  hi: { download: "इनका सारा डेटा डाउनलोड करें" },
})

async function save(contactId) {
  const told = await rpc("contact_data", { contact_id: contactId })
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }))
  link.download = `person-${contactId}.json`
  link.dataset.leave = ""
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

export const PersonData = ({ contactId }) => may("admin") && html`<div><${Button} kind="quiet" icon="Download" onClick=${() => save(contactId)}>${t("download")}<//></div>`

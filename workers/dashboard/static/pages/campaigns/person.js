// person.js: a row of somebody, which opens what there is of them: their conversation, else their newest lead.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { go } from "../../lib/router.js"
import { Avatar } from "../../ui/avatar.js"
import { complain } from "../../ui/toasts.js"
import { t } from "./words.js"

async function open(contact) {
  const [lead] = await rows("leads", (query) => query.select("id").eq("contact_id", contact).order("received_at", { ascending: false }).limit(1))
  go(lead ? `/leads/${lead.id}` : `/inbox/${(await rpc("start_conversation", { contact_id: contact })).conversation_id}`)
}

/** person: {contact_id, name, phone}; href: where to, when that is known; children: what became of them. */
export function Person({ person, href, children }) {
  const { contact_id: id, name } = person
  const shown = name || phone(person.phone) || t("unnamed")
  return html`<a class="person-row" href=${href ?? "/leads"} onClick=${href ? undefined : (event) => { event.preventDefault(); open(id).catch(complain) }}>
    <${Avatar} name=${shown} id=${id} />
    <span class="grow person-who"><strong class="clip"><bdi>${shown}</bdi></strong>${name && html`<span class="small soft numbers clip">${phone(person.phone)}</span>`}</span>
    <span class="what small">${children}</span></a>`
}

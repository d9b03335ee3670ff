// numbers.js: the connected WhatsApp numbers, from which something can be sent; and what is said where there is none.
import { html } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Empty } from "../../ui/basics.js"
import { t } from "./words.js"

/** The query of [{id, account_id, phone_number_id, display_phone, verified_name}], the first connected first. */
export const useNumbers = () => useQuery(`numbers ${org.value.id}`, () => rows("whatsapp_numbers", (query) =>
  query.select("id, account_id, phone_number_id, display_phone, verified_name, connected_at").neq("status", "disconnected").order("connected_at").order("id")))

export const numberWords = ({ verified_name: name, display_phone: phone }) => (name ? `${phone} · ${name}` : phone)

export const NoNumber = () => html`<${Empty} icon="MessageCircle" title=${t("noNumber")} action=${html`<a class="button primary" href="/settings/whatsapp">${t("connect")}</a>`}>${t("noNumberText")}<//>`

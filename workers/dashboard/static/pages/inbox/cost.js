// cost.js: what a message will cost, before it is sent.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

/** An estimate as a sentence. */
export function costWords({ low, high, currency, unknown }) {
  if (unknown) return t("costUnknown")
  if (!Number(high)) return t("costFree")
  if (!Number(low)) return t("costMaybe", { price: money(high, currency, 3) })
  return t("costIs", { price: money(high, currency, 3) })
}

/** message: {kind, template?, language?}; windowEnds makes it ask again when the window changes. */
export function Cost({ conversation, message, windowEnds }) {
  const key = `estimate:${conversation}:${message.template ?? message.kind}:${message.language ?? ""}:${windowEnds ?? ""}`
  const { data, problem } = useQuery(key, () => rpc("estimate_messages", { message, conversation_id: conversation }))
  if (problem) return null
  return html`<span class="cost" title=${data && (data.reasons?.[0]?.words ?? (!Number(data.low) && Number(data.high) ? t("costMaybeWhy") : undefined))}><${Icon} name="IndianRupee" size=${13} />${data ? costWords(data) : "…"}
    ${data?.fits_wallet === false && html`<strong class="danger"> ${t("costWallet")}</strong>`}</span>`
}

// parts.js: a price in words, and the way to the payment company's page.
import { html } from "../../vendor/vendor.js"
import { money } from "../../lib/formats.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

/** Paise as people read them. */
export const paise = (amount) => money(amount / 100)

/** ₹999 a month + 18 % GST = ₹1,178.82 */
export const price = (plan) => (plan.amount_net === 0 ? t("free")
  : [paise(plan.amount_net), plan.per_seat && t("perSeat"), t(plan.period), t("gstMore", { percent: plan.gst_percent, amount: paise(plan.amount_gross) })].filter(Boolean).join(" "))

export const Supplier = ({ url, children }) => html`<a class="button primary" href=${url} target="_blank" rel="noreferrer"><${Icon} name="ExternalLink" size=${16} />${children}</a>`

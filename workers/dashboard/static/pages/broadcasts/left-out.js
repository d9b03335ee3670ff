// left-out.js: who is left out of an audience, and why.
import { html } from "../../vendor/vendor.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

const REASONS = { opted_out: "Ban", no_number: "CircleX", duplicate: "Copy" }

/** told: counts by reason, as count_audience and preview_broadcast give them. */
export const LeftOut = ({ told }) => {
  const shown = Object.keys(REASONS).filter((reason) => told[reason])
  return shown.length ? html`<ul class="stack tight left-out">${shown.map((reason) => html`<li class="row soft" key=${reason}><${Icon} name=${REASONS[reason]} size=${16} /><span class="wrap">${t(`out_${reason}`, { n: told[reason] })}</span></li>`)}</ul>` : null
}

// rooms.js: how much of what a plan limits is used.
import { html } from "../../vendor/vendor.js"
import { number } from "../../lib/formats.js"
import { t } from "./words.js"

function Room({ name, room }) {
  const { used, limit } = room
  const share = limit === null ? 0 : limit ? Math.min(100, (100 * used) / limit) : 100
  return html`<div class="stack tight"><div class="row between breaks"><span>${t(name)}</span>
      <span class="soft numbers">${limit === null ? t("unlimited", { used: number(used) }) : t("of", { used: number(used), limit: number(limit) })}</span></div>
    ${limit !== null && html`<div class="bar ${share >= 80 ? "near" : ""}"><div style=${{ width: `${share}%` }}></div></div>`}
    ${name === "leads_per_month" && room.reason === "limit_reached" && html`<p class="small soft">${t("overLeads")}</p>`}</div>`
}

export const Rooms = ({ rooms }) => ["seats", "numbers", "leads_per_month"].map((key) => html`<${Room} key=${key} name=${key} room=${rooms[key]} />`)

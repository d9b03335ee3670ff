// page.js: what the person was told, on a page of its own.
import { html } from "../../vendor/vendor.js"
import List from "./list.js"
import { t } from "./words.js"

export default function Notifications() {
  return html`<header class="top"><h1>${t("notifications")}</h1></header><div class="body"><div class="narrow"><${List} isPage /></div></div>`
}

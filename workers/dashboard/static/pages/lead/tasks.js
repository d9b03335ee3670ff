// tasks.js: what is to be done for the person of a lead.
import { html } from "../../vendor/vendor.js"
import { nameOf } from "../leads/parts.js"
import TasksOf from "../tasks/of.js"
import { t } from "./words.js"

export const Tasks = ({ lead }) => html`<section class="card stack tight"><h2>${t("tasks")}</h2>
  <${TasksOf} key=${lead.id} filter=${{ contact: lead.contact_id }} whom=${{ lead_id: lead.id, name: nameOf(lead), about: lead.product || lead.title }} /></section>`

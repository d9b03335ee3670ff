// developers.js: what the organization's own programs use: API keys, and webhook endpoints.
import { html } from "../../vendor/vendor.js"
import { Endpoints } from "./endpoints.js"
import { Keys } from "./keys.js"

export default function Developers() {
  return html`<${Keys} /><${Endpoints} />`
}

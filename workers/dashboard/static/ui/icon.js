// icon.js: an icon by its name; decoration unless it has a label.
import { html, icons } from "../vendor/vendor.js"

export function Icon({ name, size = 20, label, className = "" }) {
  return html`<svg class=${className} width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"
    stroke-linecap="round" stroke-linejoin="round" role=${label ? "img" : undefined} aria-label=${label} aria-hidden=${label ? undefined : "true"}>
    ${icons[name].map(([tag, attributes]) => html`<${tag} ...${attributes} />`)}
  </svg>`
}

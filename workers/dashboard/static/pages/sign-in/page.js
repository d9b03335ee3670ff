// page.js: signing in, and the choice of a language before it.
import { html } from "../../vendor/vendor.js"
import { LANGUAGES, language, speak } from "../../lib/words.js"
import { SignInForm } from "./form.js"
import { t } from "./words.js"

export default function SignIn() {
  return html`<main class="alone"><div class="alone-box">
    <svg width="48" height="48" viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="14" fill="var(--accent)" /><path d="M10 26c9-11 16-11 22 0s13 11 22 0M10 42c9-11 16-11 22 0s13 11 22 0" fill="none" stroke="var(--accent-ink)" stroke-width="5" stroke-linecap="round" /></svg>
    <div class="stack tight"><h1>${t("title")}</h1><p class="soft">${t("text")}</p></div>
    <${SignInForm} />
    <div class="row breaks">${Object.entries(LANGUAGES).map(([key, name]) => html`<button type="button" class="button quiet" lang=${key} aria-pressed=${language.value === key} onClick=${() => speak(key)}>${name}</button>`)}</div>
  </div></main>`
}

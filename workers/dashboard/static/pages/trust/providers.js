// providers.js: who else gets data, what for, and what; the one list of Flow's sub-processors.
import { html } from "../../vendor/vendor.js"
import { t } from "./words-control.js"

const PROVIDERS = [["supabase", "Supabase"], ["meta", "Meta (WhatsApp)"], ["indiamart", "IndiaMART"], ["google", "Google"], ["razorpay", "Razorpay"]]

export const Providers = ({ title }) => html`<section class="card stack"><h2>${title}</h2><p class="soft">${t("othersText")}</p>
  <ul class="list providers">${PROVIDERS.map(([key, name]) => html`<li key=${key}><h3>${name}</h3><dl class="provider">
    <div><dt>${t("why")}</dt><dd>${t(key)}</dd></div><div><dt>${t("gets")}</dt><dd>${t(`${key}Gets`)}</dd></div><div><dt>${t("where")}</dt><dd>${t(`${key}Where`)}</dd></div></dl></li>`)}</ul></section>`

// page.js: the pages of Flow's own people: tabs, and the one that is open. Nothing here is about one organization.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { organizations, signOut } from "../../lib/session.js"
import { language, words } from "../../lib/words.js"
import { Empty, lazy, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { HOME } from "../pages.js"
import { tabs } from "./tabs.js"

const t = words({
  en: { title: "Operations", back: "Back to the dashboard", signOut: "Sign out", nothing: "There is nothing here", nothingText: "The address may be mistyped." },
  hi: { title: "संचालन", back: "डैशबोर्ड पर वापस", signOut: "साइन आउट", nothing: "यहाँ कुछ नहीं है", nothingText: "पता गलत हो सकता है।" },
})

const shown = new Map(tabs.map((tab) => [tab.path, lazy(tab.load)]))
/** On a phone the open one may be beyond the edge. */
const reveal = (tab) => { if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48 }

export default function Operations({ params }) {
  const staff = useQuery("am-i-staff", () => rpcAlone("am_i_staff"))
  const here = params.tab ?? tabs[0].path
  const Shown = shown.get(here)
  const nothing = html`<${Empty} icon="CircleHelp" title=${t("nothing")} action=${html`<a class="button" href=${HOME}>${t("back")}</a>`}>${t("nothingText")}<//>`
  return html`<main class="operations page">
    <header class="top">${organizations.value.length > 0 && html`<a class="icon-button" href=${HOME} aria-label=${t("back")} title=${t("back")}><${Icon} name="ArrowLeft" /></a>`}
      <h1 class="clip">${t("title")}</h1><button type="button" class="button quiet" onClick=${() => signOut()}>${t("signOut")}</button></header>
    <${Loaded} query=${staff} lines=${6}>${(told) => (!told.is_staff ? nothing : html`
      <nav class="tabs" aria-label=${t("title")}>${tabs.map((tab) => html`<a key=${tab.path} href="/operations/${tab.path}" ref=${tab.path === here ? reveal : undefined} aria-current=${tab.path === here ? "page" : undefined}>${tab.words[language.value]}</a>`)}</nav>
      <div class="body">${Shown ? html`<${Shown} key=${here} />` : nothing}</div>`)}<//>
  </main>`
}

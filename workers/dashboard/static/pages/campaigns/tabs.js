// tabs.js: the pages of what Flow writes by itself or to many: broadcasts, sequences, templates, greetings.
import { html } from "../../vendor/vendor.js"
import { place } from "../../lib/router.js"
import { words } from "../../lib/words.js"

const t = words({
  en: { campaigns: "Campaigns", broadcasts: "Broadcasts", sequences: "Sequences", templates: "Templates", greeting: "Greeting" },
  hi: { campaigns: "कैंपेन", broadcasts: "ब्रॉडकास्ट", sequences: "सीक्वेंस", templates: "टेम्पलेट", greeting: "स्वागत संदेश" },
})

const PAGES = ["broadcasts", "sequences", "templates", "greeting"]

/** On a phone the open one may be beyond the edge. */
const reveal = (tab) => { if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48 }

/** The head of these pages: its title, what stands beside it (buttons), and the way to the others. */
export const CampaignsHead = ({ children }) => {
  const here = PAGES.find((page) => place.value.path.split("/")[1] === page)
  return html`<header class="top"><h1>${t(here)}</h1>${children}</header>
    <nav class="tabs" aria-label=${t("campaigns")}>
      ${PAGES.map((page) => html`<a href="/${page}" ref=${page === here ? reveal : undefined} aria-current=${page === here ? "page" : undefined}>${t(page)}</a>`)}
    </nav>`
}

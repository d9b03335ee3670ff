// page.js: the settings of an organization: a list of sections, and the one that is open.
import { html, useMemo } from "../../vendor/vendor.js"
import { may } from "../../lib/session.js"
import { Empty, lazy } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { groups } from "./sections.js"
import { t } from "./words.js"

function Section({ section }) {
  const Part = useMemo(() => lazy(section.load), [section])
  return html`<${Part} />`
}

export default function Settings({ params }) {
  const shown = groups.map(({ key, sections }) => ({ key, sections: sections.filter(({ needs }) => !needs || may(needs)) }))
  const open = shown.flatMap(({ sections }) => sections).find((section) => section.key === params.section)
  return html`<div class="settings ${open ? "open" : ""}">
    <nav class="settings-list" aria-label=${t("title")}>
      <h1>${t("title")}</h1>
      ${shown.map((group) => html`<section key=${group.key} aria-labelledby=${`settings-${group.key}`}><h2 id=${`settings-${group.key}`}>${t(`group_${group.key}`)}</h2>
        ${group.sections.map((section) => html`<a key=${section.key} href="/settings/${section.key}" aria-current=${section === open ? "page" : undefined}><${Icon} name=${section.icon} /><span class="grow">${t(section.key)}</span><${Icon} name="ChevronRight" size=${16} /></a>`)}</section>`)}
    </nav>
    <div class="settings-body">
      ${open ? html`<header class="top"><a class="icon-button settings-back" href="/settings" aria-label=${t("back")}><${Icon} name="ArrowLeft" /></a><h2>${t(open.key)}</h2></header>
          <div class="settings-page stack"><${Section} key=${open.key} section=${open} /></div>`
        : html`<${Empty} icon="Settings" title=${t("choose")} />`}
    </div>
  </div>`
}

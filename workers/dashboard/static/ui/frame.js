// frame.js: navigation, the organization and the person, around the page.
import { html } from "../vendor/vendor.js"
import { line } from "../lib/live.js"
import { place } from "../lib/router.js"
import { chooseOrganization, isStaff, may, org, organizations, person, signOut } from "../lib/session.js"
import { LANGUAGES, language, remember, speak, words } from "../lib/words.js"
import { pages } from "../pages/pages.js"
import { Avatar } from "./avatar.js"
import { lazy } from "./basics.js"
import { Bell, Count, label as bell } from "./bell.js"
import { Icon } from "./icon.js"
import { Menu } from "./menu.js"

export const t = words({
  en: {
    skip: "Skip to the page", pages: "Pages", more: "More", organization: "Organization", you: "You",
    inbox: "Inbox", leads: "Leads", campaigns: "Campaigns", usage: "Usage", billing: "Billing", settings: "Settings", tasks: "Tasks", reports: "Reports", checklist: "Getting started", trust: "Trust", operations: "Operations",
    newOrganization: "New organization…", help: "Help and support", signOut: "Sign out", signOutEverywhere: "Sign out everywhere", light: "Light", dark: "Dark", system: "As the device",
    offline: "No connection. What you see may be old; what you write is kept.", waiting: "Connecting again…",
  },
  hi: {
    skip: "पेज पर जाएँ", pages: "पेज", more: "और", organization: "संगठन", you: "आप",
    inbox: "इनबॉक्स", leads: "लीड", campaigns: "कैंपेन", usage: "खर्च", billing: "बिलिंग", settings: "सेटिंग", tasks: "काम", reports: "रिपोर्ट", checklist: "शुरुआत", trust: "भरोसा", operations: "संचालन",
    newOrganization: "नया संगठन…", help: "मदद और सपोर्ट", signOut: "साइन आउट", signOutEverywhere: "हर जगह से साइन आउट", light: "हल्का", dark: "गहरा", system: "डिवाइस जैसा",
    offline: "इंटरनेट नहीं है। जो दिख रहा है वह पुराना हो सकता है; आप जो लिखेंगे वह सुरक्षित रहेगा।", waiting: "फिर से जुड़ रहा है…",
  },
})

const Banner = lazy(() => import("../pages/trust/banner.js"))
const Staff = lazy(() => import("../pages/operations/staff.js"))
const Closed = lazy(() => import("../pages/billing/banner.js"))

const isHere = (page) => [page.path, ...(page.nav.also ?? [])].some((path) => place.value.path === path || place.value.path.startsWith(`${path}/`))

export const theme = () => document.documentElement.dataset.theme ?? ""
export function dress(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen
  else delete document.documentElement.dataset.theme
  remember("theme", chosen)
}

const organizationItems = () => [
  ...organizations.value.map(({ id, name }) => ({ label: name, isChosen: id === org.value.id, run: () => chooseOrganization(id) })),
  { label: t("newOrganization"), icon: "Plus", href: "/welcome?new=1" },
]

const personItems = () => [
  ...Object.entries(LANGUAGES).map(([key, label]) => ({ label, icon: "Languages", isChosen: language.value === key, run: () => speak(key) })),
  ...[["", "system", "Palette"], ["light", "light", "Sun"], ["dark", "dark", "Moon"]]
    .map(([key, name, icon]) => ({ label: t(name), icon, isChosen: theme() === key, run: () => dress(key) })),
  ...(isStaff.value ? [{ label: t("operations"), icon: "Activity", href: "/operations" }] : []),
  { label: t("help"), icon: "CircleHelp", href: "/help" },
  { label: t("signOut"), icon: "LogOut", run: () => signOut() },
  { label: t("signOutEverywhere"), icon: "LogOut", run: () => signOut("global") },
]

/** isFull: on a phone the page wants the whole screen, and has a way back of its own. */
export function Frame({ isFull, children }) {
  const shown = pages.filter((page) => page.nav && [page.needs, page.nav.needs].every((role) => !role || may(role)))
  const beside = shown.filter((page) => !page.nav.isOnPhone)
  return html`<div class="frame ${isFull ? "full" : ""}">
    <a class="skip" href="#page" data-leave>${t("skip")}</a>
    <nav class="nav" aria-label=${t("pages")}>
      <div class="nav-head"><${Menu} label=${t("organization")} items=${organizationItems()} trigger=${(props) => html`<button type="button" class="brand" aria-label=${`${t("organization")}: ${org.value.name}`} ...${props}>
        <svg width="28" height="28" viewBox="0 0 64 64" aria-hidden="true"><rect width="64" height="64" rx="14" fill="var(--accent)" /><path d="M10 26c9-11 16-11 22 0s13 11 22 0M10 42c9-11 16-11 22 0s13 11 22 0" fill="none" stroke="var(--accent-ink)" stroke-width="5" stroke-linecap="round" /></svg>
        <span class="clip grow">${org.value.name}</span><${Icon} name="ChevronDown" size=${16} /></button>`} /><${Bell} /></div>
      ${shown.map((page) => html`<a class="item ${page.nav.isOnPhone ? "" : "wide-only"}" href=${page.path} aria-current=${isHere(page) ? "page" : undefined} title=${t(page.name)}>
        <${Icon} name=${page.nav.icon} size=${22} /><span>${t(page.name)}</span></a>`)}
      <${Menu} label=${t("more")} items=${[{ label: bell(), icon: "Bell", href: "/notifications" }, ...beside.map((page) => ({ label: t(page.name), icon: page.nav.icon, href: page.path })), ...personItems()]}
        trigger=${(props) => html`<button type="button" class="item" ...${props}><${Icon} name="Ellipsis" size=${22} /><span>${t("more")}</span><${Count} /></button>`} />
      <${Menu} label=${t("you")} items=${personItems()} trigger=${(props) => html`<button type="button" class="foot" aria-label=${`${t("you")}: ${person.value.name}`} ...${props}>
        <${Avatar} name=${person.value.name} id=${person.value.id} isSmall /><span class="clip grow">${person.value.name}</span></button>`} />
    </nav>
    <main class="page" id="page" tabindex="-1">
      ${line.value !== "live" && html`<div class="line-state" role="status" hidden=${line.value === "waiting"}><${Icon} name="WifiOff" size=${14} />${t("offline")}</div>`}
      <${Banner} /><${Closed} /><${Staff} />
      ${children}
    </main>
  </div>`
}

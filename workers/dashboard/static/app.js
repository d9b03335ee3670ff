// app.js: the beginning: who is here decides what is shown.
import { effect, html, render, signal, useEffect, useState } from "./vendor/vendor.js"
import { version } from "./lib/env.js"
import "./lib/install.js"
import "./lib/invitation.js"
import { asProblem, Problem } from "./lib/problems.js"
import { forget } from "./lib/queries.js"
import { go, match, place } from "./lib/router.js"
import { isExpired, loadOrganizations, may, org, organizations, person } from "./lib/session.js"
import { words } from "./lib/words.js"
import { HOME, pages } from "./pages/pages.js"
import { SignInAgain } from "./pages/sign-in/again.js"
import { Button, Empty } from "./ui/basics.js"
import { Dialogs } from "./ui/dialog.js"
import { Frame } from "./ui/frame.js"
import { Toasts } from "./ui/toasts.js"

const t = words({
  en: { nothing: "There is nothing here", nothingText: "The address may be mistyped, or what it showed is gone.", home: "Go to the start", notYours: "This page is for administrators of the organization." },
  hi: { nothing: "यहाँ कुछ नहीं है", nothingText: "पता गलत हो सकता है, या वह चीज़ अब नहीं है।", home: "शुरुआत पर जाएँ", notYours: "यह पेज संगठन के एडमिन के लिए है।" },
})

const find = (path) => {
  for (const page of pages) {
    const params = match(page.path, path)
    if (params) return { page, params }
  }
  return null
}

const RELOADED = "flow-reloaded"
/** A page whose module is of a version that the server no longer has: the whole page is loaded anew, once. */
function outdated(error) {
  if (sessionStorage.getItem(RELOADED) === version) throw error
  sessionStorage.setItem(RELOADED, version)
  location.reload()
}

const loadedOf = new Map() // load → the component it gave: two addresses of one page share it, and nothing is made anew between them

function Page({ page, params }) {
  const { load } = page
  const [, setLoaded] = useState(0)
  const [problem, setProblem] = useState(null)
  useEffect(() => {
    setProblem(null)
    if (!loadedOf.has(load)) {
      load().catch(outdated).then((module) => {
        loadedOf.set(load, module.default)
        setLoaded((count) => count + 1)
      }, (error) => setProblem(asProblem(error)))
    }
  }, [load])
  if (problem) return html`<${Empty} icon="CircleAlert" title=${problem.words} />`
  const Shown = loadedOf.get(load)
  return Shown ? html`<${Shown} params=${params} query=${place.value.query} />` : null
}

function App() {
  if (person.value === undefined) return null
  const found = find(place.value.path)
  if (!person.value) return html`<${Page} page=${pages[0]} params=${{}} />`
  if (organizations.value === undefined) return trouble.value && html`<${Empty} icon="WifiOff" title=${trouble.value.words} />`
  if (found?.page.isAlone) return html`<${Page} ...${found} />`
  if (!org.value) return null
  const isRefused = found?.page.needs && !may(found.page.needs)
  return html`<${Frame} key=${org.value.id} isFull=${Boolean(found?.page.isFull)}>
    ${!found ? html`<${Empty} icon="CircleHelp" title=${t("nothing")} action=${html`<${Button} onClick=${() => go(HOME)}>${t("home")}<//>`}>${t("nothingText")}<//>`
      : isRefused ? html`<${Empty} icon="Lock" title=${t("notYours")} />`
      : html`<${Page} ...${found} />`}
  <//>`
}

// Who comes without a session, an organization or an address is led to the right page.
effect(() => {
  const { path, query } = place.value
  if (person.value === undefined) return
  if (!person.value) {
    if (path !== "/sign-in") go(path === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(path + location.search)}`, { replace: true })
    return
  }
  if (organizations.value === undefined) return
  const to = query.to?.startsWith("/") && !query.to.startsWith("//") ? query.to : HOME
  if (path === "/sign-in") go(to, { replace: true })
  else if (!organizations.value.length && path !== "/welcome" && path !== "/support" && !path.startsWith("/operations")) go("/welcome", { replace: true })
  else if (path === "/" && organizations.value.length) go(HOME, { replace: true })
})

/** Why the organizations are not known yet; asked again until they are. */
const trouble = signal(null)
let pause = 1000
async function learn() {
  // The client asks several times by itself; people are told before it gives up.
  const slow = setTimeout(() => { trouble.value = new Problem({ detail: navigator.onLine ? "unavailable" : "offline" }) }, 2500)
  try {
    await loadOrganizations()
    clearTimeout(slow)
    trouble.value = null
  } catch (error) {
    clearTimeout(slow)
    trouble.value = asProblem(error)
    pause = Math.min(2 * pause, 30_000)
    setTimeout(learn, pause)
  }
}
effect(() => { if (person.value) learn() })
addEventListener("online", () => { if (trouble.value) learn() })

let shownOrg
effect(() => {
  const id = org.value?.id
  if (shownOrg && id !== shownOrg) forget()
  shownOrg = id
})

const Again = () => (isExpired.value ? html`<${SignInAgain} />` : null)

render(html`<${App} /><${Dialogs} /><${Again} /><${Toasts} />`, document.getElementById("app"))

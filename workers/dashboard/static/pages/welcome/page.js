// page.js: for who has no organization yet, or wants one more: make it, or join by an invitation's link.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { go } from "../../lib/router.js"
import { chooseOrganization, loadOrganizations, organizations, person, signOut } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Button, Field, Notice } from "../../ui/basics.js"
import { forgetInvitation, invitation } from "../../lib/invitation.js"
import { Deletions } from "./deletions.js"

const t = words({
  en: {
    hello: "Welcome, {name}", text: "Flow works for an organization: your business. Make it now, and invite your team later.",
    name: "Name of the business", make: "Create organization", example: "Sunrise Pumps, Rajkot",
    join: "You are invited", joining: "Joining…", invited: "Have you been invited? Open the link that you were sent while you are signed in with the invited e-mail address ({email}).",
    back: "Back", signOut: "Sign out", withoutIt: "Go on without the invitation",
  },
  hi: {
    hello: "स्वागत है, {name}", text: "Flow एक संगठन के लिए काम करता है: आपका व्यवसाय। अभी बनाएँ, टीम को बाद में बुलाएँ।",
    name: "व्यवसाय का नाम", make: "संगठन बनाएँ", example: "सनराइज़ पंप्स, राजकोट",
    join: "आपको बुलाया गया है", joining: "जोड़ा जा रहा है…", invited: "क्या आपको बुलाया गया है? जिस ई-मेल ({email}) पर बुलावा आया है उससे साइन इन करके भेजा गया लिंक खोलें।",
    back: "वापस", signOut: "साइन आउट", withoutIt: "बिना बुलावे आगे बढ़ें",
  },
})

async function enter(answer) {
  await loadOrganizations()
  chooseOrganization(answer.org_id)
  go("/", { replace: true })
}

function Joining({ token, onGiveUp }) {
  const [problem, setProblem] = useState(null)
  useEffect(() => {
    rpcAlone("accept_invitation", { token }).then((answer) => { forgetInvitation(); return enter(answer) }).catch((error) => setProblem(asProblem(error)))
  }, [token])
  const giveUp = () => { forgetInvitation(); onGiveUp() }
  return html`<h1>${t("join")}</h1>
    ${problem ? html`<${Notice} kind="bad">${problem.words}<//><${Button} onClick=${giveUp}>${t("withoutIt")}<//>` : html`<p class="soft">${t("joining")}</p>`}`
}

function Making() {
  const [name, setName] = useState("")
  const make = async () => enter(await rpcAlone("create_organization", { name }))
  return html`<div class="stack tight"><h1 class="wrap">${t("hello", { name: person.value.name })}</h1><p class="soft">${t("text")}</p></div>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector("button").click() }}>
      <${Field} label=${t("name")}>${(props) => html`<input ...${props} required maxlength="120" placeholder=${t("example")} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
      <${Button} kind="primary" disabled=${!name.trim()} onClick=${make}>${t("make")}<//>
    </form>
    <p class="soft small wrap">${t("invited", { email: person.value.email })}</p>`
}

export default function Welcome({ query }) {
  const [token, setToken] = useState(invitation())
  useEffect(() => {
    if (!token && organizations.value.length && !query.new && !query.deletion) go("/", { replace: true })
  }, [token])
  return html`<main class="alone"><div class="alone-box">
    <${Deletions} />
    ${token ? html`<${Joining} token=${token} onGiveUp=${() => setToken(null)} />` : html`<${Making} />`}
    <div class="row between">
      ${organizations.value.length ? html`<a class="button quiet" href="/">${t("back")}</a>` : html`<span></span>`}
      <button type="button" class="button quiet" onClick=${() => signOut()}>${t("signOut")}</button>
    </div>
  </div></main>`
}

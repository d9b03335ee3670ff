// again.js: a session that ended while a page was open: sign in above it, and go on.
import { html } from "../../vendor/vendor.js"
import { person, signOut } from "../../lib/session.js"
import { Button } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { SignInForm } from "./form.js"
import { t } from "./words.js"

export const SignInAgain = () => html`<${Dialog} title=${t("again")} mayClose=${false}>
  <p class="soft">${t("againText")}</p><${SignInForm} email=${person.value.email} />
  <${Button} kind="quiet" onClick=${() => signOut()}>${t("leave")}<//>
<//>`

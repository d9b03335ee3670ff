// form.js: the ways to sign in: Google, e-mail link, password.
import { html, useState } from "../../vendor/vendor.js"
import { supabase } from "../../lib/session.js"
import { Button, Field, Notice } from "../../ui/basics.js"
import { t } from "./words.js"

const told = (error) => {
  if (error.code === "invalid_credentials" || /invalid login credentials/i.test(error.message)) return t("wrong")
  if (error.status === 429) return t("tooOften")
  if (error.name === "AuthRetryableFetchError") return t("unreachable")
  if (error.code === "user_already_exists") return t("exists")
  if (error.code === "weak_password") return t("weak")
  return error.message
}

const here = () => `${location.origin}/sign-in${location.search}`

/** email: fixed when somebody signs in again. */
export function SignInForm({ email: fixed }) {
  const [way, setWay] = useState("password")
  const [email, setEmail] = useState(fixed ?? "")
  const [password, setPassword] = useState("")
  const [problem, setProblem] = useState(null)
  const [isSent, setSent] = useState(false)
  const [isBusy, setBusy] = useState(false)

  const attempt = async (ask) => {
    setBusy(true)
    setProblem(null)
    const { error, data } = await ask()
    setBusy(false)
    if (error) setProblem(told(error))
    return error ? null : data
  }
  const google = () => attempt(() => supabase.auth.signInWithOAuth({ provider: "google", options: { redirectTo: here() } }))
  const submit = async (event) => {
    event.preventDefault()
    if (way === "password") await attempt(() => supabase.auth.signInWithPassword({ email, password }))
    if (way === "new") {
      const made = await attempt(() => supabase.auth.signUp({ email, password, options: { emailRedirectTo: here() } }))
      if (made && !made.session) setSent(true)
    }
    if (way === "link" && (await attempt(() => supabase.auth.signInWithOtp({ email, options: { emailRedirectTo: here() } })))) setSent(true)
  }
  if (isSent) return html`<${Notice} kind="good"><p><strong>${t("sent")}</strong></p><p>${t("sentText", { email })}</p><//>`
  const choose = (next) => { setWay(next); setProblem(null) }
  return html`<div class="stack">
    <${Button} onClick=${google} disabled=${isBusy}><span class="google" aria-hidden="true">G</span>${t("google")}<//>
    <p class="or soft small"><span>${t("or")}</span></p>
    <form class="stack" onSubmit=${submit}>
      <${Field} label=${t("email")}>${(props) => html`<input ...${props} type="email" name="email" autocomplete="username" required readonly=${Boolean(fixed)} value=${email} onInput=${(event) => setEmail(event.target.value)} />`}<//>
      ${way !== "link" && html`<${Field} label=${t("password")}>${(props) => html`<input ...${props} type="password" name="password" required autofocus=${Boolean(fixed)} minlength=${way === "new" ? 8 : undefined}
        autocomplete=${way === "new" ? "new-password" : "current-password"} value=${password} onInput=${(event) => setPassword(event.target.value)} />`}<//>`}
      ${problem && html`<${Notice} kind="bad">${problem}<//>`}
      <${Button} type="submit" kind="primary" busy=${isBusy}>${t({ password: "signIn", new: "signUp", link: "sendLink" }[way])}<//>
    </form>
    <div class="row breaks between">
      ${way !== "link" && html`<button type="button" class="button quiet" onClick=${() => choose("link")}>${t("byLink")}</button>`}
      ${way !== "password" && html`<button type="button" class="button quiet" onClick=${() => choose("password")}>${t("byPassword")}</button>`}
      ${way !== "new" && !fixed && html`<button type="button" class="button quiet" onClick=${() => choose("new")}>${t("isNew")}</button>`}
    </div>
  </div>`
}

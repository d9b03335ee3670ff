// whatsapp.js: Meta's Embedded Signup. Two signals come in any order, a code and a message from Meta's window; both are
// left for the settings, which hand them in. Nothing of the person's session is used here.
const { sdk, appId, configId, graphVersion } = document.documentElement.dataset
const button = document.getElementById("open")
const ours = new URL(sdk).origin
const isMetas = (origin) => origin === ours || /^https:\/\/([a-z0-9-]+\.)*facebook\.com$/.test(origin)

let told = null
addEventListener("message", ({ origin, data }) => {
  if (!isMetas(origin) || typeof data !== "string") return
  try {
    const message = JSON.parse(data)
    if (message.type === "WA_EMBEDDED_SIGNUP") told = message
  } catch {
    // Meta's windows say other things too.
  }
})

function finish(code) {
  const { waba_id, phone_number_id, business_id, error_message, current_step } = told?.data ?? {}
  const event = told?.event ?? (code ? "FINISH" : "CANCEL")
  const outcome = { event, code, waba_id, phone_number_id, business_id, said: error_message ?? current_step }
  sessionStorage.setItem("flow-signup-outcome", JSON.stringify(outcome))
  location.replace("/settings/whatsapp")
}

const script = Object.assign(document.createElement("script"), { src: sdk, async: true })
script.onload = () => {
  FB.init({ appId, autoLogAppEvents: false, xfbml: false, version: graphVersion })
  button.disabled = false
}
script.onerror = () => { document.getElementById("blocked").hidden = false }
button.addEventListener("click", () => FB.login(
  // The message may come a moment after the code.
  ({ authResponse }) => setTimeout(finish, told ? 0 : 500, authResponse?.code),
  { config_id: configId, response_type: "code", override_default_response_type: true, extras: { setup: {} } },
))
document.head.append(script)

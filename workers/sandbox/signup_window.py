"""Meta's window of Embedded Signup in small: its script for the page, and the window in which people choose.

`/en_US/sdk.js` gives `FB.init` and `FB.login`, which opens the window; the window ends with Meta's two
signals: a message `WA_EMBEDDED_SIGNUP` and the code.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template_string, request

from workers.sandbox.app import the_sandbox

bp = Blueprint("signup_window", __name__)

_SDK = """
window.FB = {
  init(options) { this.options = options },
  login(done, options) {
    const here = new URL(document.querySelector('script[src$="/sdk.js"]').src).origin
    const { appId } = this.options
    const query = new URLSearchParams({ app_id: appId, config_id: options.config_id, back: location.origin })
    const opened = window.open(`${here}/dialog/signup?${query}`, "meta", "width=480,height=640")
    addEventListener("message", function listen({ origin, data }) {
      if (origin !== here || !data?.sandboxCode) return
      removeEventListener("message", listen)
      opened.close()
      const authResponse = data.code ? { code: data.code } : null
      done({ status: data.code ? "connected" : "unknown", authResponse })
    })
  },
}
window.fbAsyncInit?.()
"""

_WINDOW = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Sandbox: Meta's window</title>
<style>body{font:16px system-ui;margin:24px;max-width:420px}
button{display:block;width:100%;padding:12px;margin:8px 0;font:inherit}</style>
<h1>Stand-in for Meta's window</h1><p>Choose the WhatsApp Business account that Flow may use.</p>
{% for waba, name, numbers in accounts %}<h2>{{ name or waba }}</h2>
{% for id, phone in numbers %}
<button data-waba="{{ waba }}" data-number="{{ id }}">{{ phone }}</button>{% endfor %}{% endfor %}
<button data-new>A new business</button><button data-cancel>Cancel</button>
<script>
const back = {{ back | tojson }}
const ask = async (path, body) => (await fetch("/_sandbox/meta/" + path, {method: "POST",
  headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)})).json()
const say = (event, data, code) => {
  opener.postMessage(JSON.stringify({type: "WA_EMBEDDED_SIGNUP", event, data}), back)
  opener.postMessage({sandboxCode: true, code}, back)
}
addEventListener("click", async ({target}) => {
  if (target.dataset.cancel !== undefined) return say("CANCEL", {current_step: "PHONE_NUMBER_SETUP"}, null)
  let {waba, number} = target.dataset
  if (target.dataset.new !== undefined) {
    const digits = String(Date.now()); waba = "51" + digits; number = "52" + digits
    await ask("accounts", {waba_id: waba, numbers: [{phone_number_id: number,
      display_phone: "+91 9" + digits.slice(-9, -5) + " " + digits.slice(-5), registered: false}],
      templates: [{name: "hello", language: "en", body: "Hello {% raw %}{{1}}, about {{2}}{% endraw %}."}]})
  }
  if (!waba) return
  const {code} = await ask("code", {waba_ids: [waba]})
  say("FINISH", {waba_id: waba, phone_number_id: number, business_id: "530000000000001"}, code)
})
</script></html>"""


@bp.get("/en_US/sdk.js")
def sdk() -> Response:
    """Gives the script that a page loads from Meta."""
    return Response(_SDK, mimetype="text/javascript")


@bp.get("/dialog/signup")
def window() -> str:
    """Gives the window in which a person chooses an account."""
    state = the_sandbox().meta
    with state.lock:
        accounts = [
            (a.waba_id, a.name, [(n.phone_number_id, n.display_phone) for n in a.numbers])
            for a in list(state.accounts.values())[-5:]
        ]
    return render_template_string(_WINDOW, accounts=accounts, back=request.args.get("back", ""))

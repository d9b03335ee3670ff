// problems.js: what went wrong, as one kind of error with a sentence for people.
import { clock } from "./formats.js"
import { words } from "./words.js"

const t = words({
  en: {
    offline: "No connection. What you wrote is kept.",
    timeout: "This took too long. Try again.",
    unavailable: "Flow cannot be reached just now. Try again in a moment.",
    not_signed_in: "Your session has ended. Sign in again.",
    not_allowed: "Your role does not allow this. Ask an owner of the organization.",
    later: "{message} Possible again at {time}.",
    sync_running: "A synchronization is running already.",
    sync_too_soon: "IndiaMART allows one call in five minutes.",
    lead_changed: "Somebody else has just changed this lead. You see it as it is now.",
    task_changed: "Somebody else has just changed this task. You see it as it is now.",
    window_closed: "The 24-hour window is closed. Only a template can be sent now.",
    contact_opted_out: "This person asked to get no more messages.",
    number_not_connected: "The WhatsApp number is not connected.",
    already_exists: "This exists already.",
    unknown: "Something went wrong. Try again; if it stays so, tell us.",
  },
  hi: {
    offline: "इंटरनेट नहीं है। आपने जो लिखा है वह सुरक्षित है।",
    timeout: "इसमें बहुत समय लगा। फिर से कोशिश करें।",
    unavailable: "Flow से अभी संपर्क नहीं हो पा रहा। थोड़ी देर में फिर कोशिश करें।",
    not_signed_in: "आपका सत्र समाप्त हो गया। फिर से साइन इन करें।",
    not_allowed: "आपकी भूमिका में इसकी अनुमति नहीं है। संगठन के मालिक से पूछें।",
    later: "{message} {time} पर फिर संभव है।",
    sync_running: "सिंक पहले से चल रहा है।",
    sync_too_soon: "IndiaMART पाँच मिनट में एक ही कॉल की अनुमति देता है।",
    lead_changed: "किसी और ने अभी-अभी इस लीड को बदला है। अब आप उसका नया रूप देख रहे हैं।",
    task_changed: "किसी और ने अभी-अभी इस काम को बदला है। अब आप उसका नया रूप देख रहे हैं।",
    window_closed: "24 घंटे की विंडो बंद है। अभी केवल टेम्पलेट भेजा जा सकता है।",
    contact_opted_out: "इस व्यक्ति ने संदेश न भेजने को कहा है।",
    number_not_connected: "WhatsApp नंबर जुड़ा नहीं है।",
    already_exists: "यह पहले से मौजूद है।",
    unknown: "कुछ गड़बड़ हुई। फिर कोशिश करें; न ठीक हो तो हमें बताएँ।",
  },
})

const KNOWN = new Set(["sync_running", "sync_too_soon", "lead_changed", "task_changed", "window_closed", "contact_opted_out", "number_not_connected", "not_signed_in"])
const RETRY_AT = /retry_at=(\S+Z)/

/** An error that can be shown: status (0: no answer at all), detail (the slug that code matches on), words. */
export class Problem extends Error {
  constructor({ status = 0, detail = "unknown", message = "", hint = "", retryAt = null, requestId = null }) {
    super(message || detail)
    Object.assign(this, { name: "Problem", status, detail, hint, retryAt, requestId, given: message })
  }

  /** One sentence in the person's language where Flow has one, else what the database said. */
  get words() {
    const known = KNOWN.has(this.detail) || ["offline", "timeout", "unavailable"].includes(this.detail)
    const sentence = known ? t(this.detail)
      : this.status === 403 ? t("not_allowed")
      : this.given && this.status >= 400 && this.status < 500 ? this.given
      : t("unknown")
    return this.retryAt ? t("later", { message: sentence, time: clock(this.retryAt) }) : sentence
  }
}

/** Makes a Problem of PostgREST's error and HTTP status. */
export function fromPostgrest({ code = "", message = "", details, hint }, status) {
  const own = /^PT([1-5]\d\d)$/.exec(code)
  if (own) {
    return new Problem({ status: Number(own[1]), detail: details || "refused", message, hint: hint ?? "", retryAt: RETRY_AT.exec(hint ?? "")?.[1] ?? null })
  }
  if (status === 401 || code.startsWith("PGRST30")) return new Problem({ status: 401, detail: "not_signed_in" })
  if (code === "42501") return new Problem({ status: 403, detail: "not_allowed" })
  if (code === "23505") return new Problem({ status: 409, detail: "already_exists", message: t("already_exists") })
  if (code === "57014") return new Problem({ status: 503, detail: "timeout" })
  if (!status) return new Problem({ detail: navigator.onLine ? "unavailable" : "offline" })
  if (status >= 500) return new Problem({ status, detail: "unavailable" })
  return new Problem({ status, message })
}

/** Makes a Problem of anything that was thrown. */
export const asProblem = (error) => (error instanceof Problem ? error
  : error?.name === "AbortError" ? new Problem({ detail: "timeout" })
  : error instanceof TypeError ? new Problem({ detail: navigator.onLine ? "unavailable" : "offline" })
  : new Problem({ status: 500 }))

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "Everything that comes into Flow by itself, and what became of it. Meta's webhooks stay here for 30 days.",
    views: "What the log shows", view_arrived: "What came in", view_calls: "Calls to other services",
    source: "Where from", allSources: "From everywhere", whatsapp: "WhatsApp", indiamart: "IndiaMART", google_sheet: "Google Sheets", file: "Files",
    show_news: "What brought something", show_failures: "Failures only", show_all: "Everything", older: "Older", again: "Try again",
    nothing: "Nothing has come in yet", nothingText: "Once WhatsApp or IndiaMART is connected, every call and every webhook stands here.", noFailures: "Nothing failed", noFailuresText: "Everything that came in was stored and applied.",
    state_partly: "Partly", state_failed: "Failed", state_running: "Running",
    messages: { one: "{n} message", other: "{n} messages" }, statuses: { one: "{n} status", other: "{n} statuses" }, kept: { one: "{n} of a disconnected number only kept", other: "{n} of a disconnected number only kept" },
    dead: { one: "{n} failed", other: "{n} failed" }, nothingIn: "Nothing that concerns you",
    leads: { one: "{n} new lead", other: "{n} new leads" }, knownLeads: { one: "{n} known already", other: "{n} known already" }, setAsideLeads: { one: "{n} to look at", other: "{n} to look at" },
    outcome_ok: "Nothing new", outcome_empty: "Nothing new", outcome_not_released: "Held back by IndiaMART", outcome_rate_limited: "Asked too soon", outcome_blocked: "Blocked for a while", outcome_key_rejected: "The key was refused", outcome_bad_request: "The question was refused", outcome_server_error: "The other side failed", outcome_unreadable: "The answer was not understood", outcome_lost: "Broke off; done again", outcome_disconnected: "Disconnected meanwhile", outcome_cancelled: "Cancelled", outcome_undone: "Taken back", outcome_failed: "The file could not be read", running: "Under way",
    run_live: "New enquiries", run_backfill: "The past", run_manual: "Asked for by hand", run_push: "Push", run_sweep: "The last 7 days again",
    event: "Webhook {n}", seconds: { one: "{n} second", other: "{n} seconds" }, verifiedText: "Meta's signature (HMAC-SHA256) matched before anything was read.", storedText: "It was stored byte for byte before it was applied.", 
    attempts: { one: "Tried once", other: "Tried {n} times" }, asSent: "As it was sent", replay: "Try again", stillFails: { one: "{n} fails still.", other: "{n} fail still." }, mended: "Everything is applied now.",
    content: "What it held", kind_message: "Message", kind_status: "Status", kind_field: "News about", kind_broken: "Broken part", conversation: "Conversation", first: "The first {n} of {all}.",
    when: "When", took: "Took", window: "Time asked for", fromTo: "{from} to {to}", got: "Received", new: "New", known: "Known already", setAside: "To look at", open: "Open",
    reason_id_missing: "Without an id", reason_timestamp_invalid: "The time is not readable", reason_sender_missing: "Without a sender", reason_unknown_number: "Of a number that is not connected", reason_other: "Could not be applied",
  },
  hi: {
    text: "Flow में जो कुछ अपने-आप आता है, और उसका क्या हुआ। Meta के वेबहुक यहाँ 30 दिन रहते हैं।",
    views: "लॉग में क्या दिखे", view_arrived: "जो आया", view_calls: "दूसरी सेवाओं की कॉल",
    source: "कहाँ से", allSources: "सब जगह से", whatsapp: "WhatsApp", indiamart: "IndiaMART", google_sheet: "Google Sheets", file: "फ़ाइलें",
    show_news: "जिनसे कुछ मिला", show_failures: "केवल असफल", show_all: "सब कुछ", older: "और पुराने", again: "फिर कोशिश करें",
    nothing: "अभी कुछ नहीं आया", nothingText: "WhatsApp या IndiaMART जुड़ने पर हर कॉल और हर वेबहुक यहाँ दिखेगा।", noFailures: "कुछ भी असफल नहीं", noFailuresText: "जो कुछ आया, वह सहेजा और लागू हुआ।",
    state_partly: "अधूरा", state_failed: "असफल", state_running: "चल रहा है",
    messages: { one: "{n} संदेश", other: "{n} संदेश" }, statuses: { one: "{n} स्थिति", other: "{n} स्थितियाँ" }, kept: { one: "अलग किए नंबर का {n} केवल रखा", other: "अलग किए नंबर के {n} केवल रखे" },
    dead: { one: "{n} असफल", other: "{n} असफल" }, nothingIn: "आपसे जुड़ा कुछ नहीं",
    leads: { one: "{n} नई लीड", other: "{n} नई लीड" }, knownLeads: { one: "{n} पहले से थी", other: "{n} पहले से थीं" }, setAsideLeads: { one: "{n} देखनी है", other: "{n} देखनी हैं" },
    outcome_ok: "कुछ नया नहीं", outcome_empty: "कुछ नया नहीं", outcome_not_released: "IndiaMART ने रोका", outcome_rate_limited: "बहुत जल्दी पूछा", outcome_blocked: "कुछ देर के लिए रोका गया", outcome_key_rejected: "key नहीं मानी गई", outcome_bad_request: "सवाल नहीं माना गया", outcome_server_error: "दूसरी ओर गड़बड़ी", outcome_unreadable: "जवाब समझ नहीं आया", outcome_lost: "बीच में टूटा; फिर किया गया", outcome_disconnected: "इस बीच अलग किया गया", outcome_cancelled: "रद्द", outcome_undone: "वापस लिया", outcome_failed: "फ़ाइल पढ़ी नहीं जा सकी", running: "चल रहा है",
    run_live: "नई पूछताछ", run_backfill: "पुरानी", run_manual: "हाथ से माँगा", run_push: "पुश", run_sweep: "पिछले 7 दिन फिर से",
    event: "वेबहुक {n}", seconds: { one: "{n} सेकंड", other: "{n} सेकंड" }, verifiedText: "कुछ भी पढ़ने से पहले Meta का हस्ताक्षर (HMAC-SHA256) मिलाया गया।", storedText: "लागू करने से पहले, जैसा आया वैसा ही सहेजा गया।", 
    attempts: { one: "एक बार कोशिश", other: "{n} बार कोशिश" }, asSent: "जैसा भेजा गया", replay: "फिर कोशिश करें", stillFails: { one: "{n} अब भी असफल।", other: "{n} अब भी असफल।" }, mended: "अब सब लागू हो गया।",
    content: "इसमें क्या था", kind_message: "संदेश", kind_status: "स्थिति", kind_field: "खबर:", kind_broken: "टूटा हिस्सा", conversation: "बातचीत", first: "{all} में से पहले {n}।",
    when: "कब", took: "समय लगा", window: "माँगा गया समय", fromTo: "{from} से {to}", got: "मिले", new: "नए", known: "पहले से थे", setAside: "देखने हैं", open: "खोलें",
    reason_id_missing: "बिना id", reason_timestamp_invalid: "समय पढ़ा नहीं जाता", reason_sender_missing: "बिना भेजने वाले के", reason_unknown_number: "ऐसे नंबर का जो जुड़ा नहीं", reason_other: "लागू नहीं हो सका",
  },
})

const REASONS = ["id_missing", "timestamp_invalid", "sender_missing", "unknown_number"]
const counted = (parts) => parts.filter(([, n]) => n > 0).map(([key, n]) => t(key, { n })).join(" · ")

/** What a webhook held: "2 messages · 1 status". */
export const held = ({ messages, statuses, fields }) =>
  [counted([["messages", messages], ["statuses", statuses]]), ...fields].filter(Boolean).join(" · ") || t("nothingIn")

/** What became of it, after what it held. */
export const kept = (item) => {
  const rest = item.event_id ? counted([["kept", item.kept], ["dead", item.dead]]) : ""
  return rest ? ` · ${rest}` : ""
}

/** What a run or a file brought, or why not. */
export function outcome(item) {
  const brought = counted([["leads", item.inserted], ["knownLeads", item.known], ["setAsideLeads", item.set_aside]])
  const end = item.import_id ? item.status : item.outcome
  const words = brought || (item.state === "running" ? t("running") : t(`outcome_${["done", null, undefined].includes(end) ? "ok" : end}`))
  return item.kind ? `${t(`run_${item.kind}`)}: ${words}` : words
}

export const reason = (failure) => t(`reason_${REASONS.includes(failure.reason) ? failure.reason : "other"}`)

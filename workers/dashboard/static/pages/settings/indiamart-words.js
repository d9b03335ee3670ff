import { words } from "../../lib/words.js"

export const t = words({
  en: {
    none: "IndiaMART is not connected", noneText: "With your CRM key every enquiry comes into Flow by itself, with those of the last year.",
    key: "CRM key of IndiaMART", keyHelp: "seller.indiamart.com → Lead Manager → CRM API. Stored encrypted, and never shown again.", connect: "Connect IndiaMART", replaceKey: "Replace the key", connected: "IndiaMART is connected",
    state: "Fetching", ok: "Works", untried: "Not called yet", rate_limited: "Waits for IndiaMART's interval", blocked: "Blocked by IndiaMART for a while", key_rejected: "IndiaMART refuses the key", key_unreadable: "The stored key cannot be read", bad_request: "IndiaMART refuses the question", failing: "IndiaMART does not answer properly", disconnected: "Disconnected",
    blocked_remedy: "It called too often, perhaps because another program uses the same key. Flow goes on by itself.", key_rejected_remedy: "Make a new key at IndiaMART and give it here.", key_unreadable_remedy: "Give the key again.", bad_request_remedy: "Tell us; Flow keeps trying.", failing_remedy: "Flow tries again by itself; nothing is lost.", disconnected_remedy: "Connect it again.",
    covered: "Fetched completely", fromTo: "{from} to {to}", nothingYet: "Nothing yet", backfill: "The past year", backfillDone: "fetched", backfillRuns: "being fetched", lastCall: "Last call", never: "never", nextCall: "Next call possible", now: "now", sync: "Fetch now", asked: "Fetching has been asked for",
    coverage: "What was fetched, day by day",
    push: "Push from IndiaMART", pushText: "IndiaMART can send each enquiry at once. Give it this address under Push API; fetching goes on beside it, so that nothing is missed.", pushMake: "Make the address", pushAgain: "Make a new address", pushAgainText: "The old address stops working at once.", pushMade: "Paste this at IndiaMART. It is shown only now.", pushOn: "set up",
    log: "Log", when: "When", kind: "What", outcome: "Outcome", got: "Got", new: "New", running: "running",
    kind_live: "New enquiries", kind_backfill: "The past", kind_manual: "By hand", kind_push: "Push", kind_sweep: "Last 7 days again",
    outcome_ok: "Complete", outcome_empty: "Nothing new", outcome_not_released: "Held back by IndiaMART", outcome_rate_limited: "Too soon", outcome_blocked: "Blocked", outcome_key_rejected: "Key refused", outcome_bad_request: "Refused", outcome_server_error: "IndiaMART failed", outcome_unreadable: "Not understood", outcome_lost: "Broken off", outcome_disconnected: "Disconnected",
    disconnect: "Disconnect IndiaMART", disconnectText: "Flow stops calling IndiaMART at once and deletes the key. The leads stay.",
  },
  hi: {
    none: "IndiaMART जुड़ा नहीं है", noneText: "आपकी CRM key से हर पूछताछ अपने-आप Flow में आती है, पिछले एक साल की भी।",
    key: "IndiaMART की CRM key", keyHelp: "seller.indiamart.com → Lead Manager → CRM API। एन्क्रिप्ट करके रखी जाती है, फिर नहीं दिखाई जाती।", connect: "IndiaMART जोड़ें", replaceKey: "key बदलें", connected: "IndiaMART जुड़ गया",
    state: "लाना", ok: "चल रहा है", untried: "अभी कॉल नहीं हुआ", rate_limited: "IndiaMART के अंतराल का इंतज़ार", blocked: "IndiaMART ने कुछ देर के लिए रोका है", key_rejected: "IndiaMART key नहीं मान रहा", key_unreadable: "रखी हुई key पढ़ी नहीं जा रही", bad_request: "IndiaMART सवाल नहीं मान रहा", failing: "IndiaMART ठीक से जवाब नहीं दे रहा", disconnected: "अलग किया गया",
    blocked_remedy: "बहुत बार कॉल हुआ, शायद कोई और प्रोग्राम वही key इस्तेमाल कर रहा है। Flow अपने-आप आगे बढ़ेगा।", key_rejected_remedy: "IndiaMART पर नई key बनाकर यहाँ दें।", key_unreadable_remedy: "key फिर से दें।", bad_request_remedy: "हमें बताएँ; Flow कोशिश करता रहेगा।", failing_remedy: "Flow अपने-आप फिर कोशिश करेगा; कुछ नहीं खोता।", disconnected_remedy: "फिर से जोड़ें।",
    covered: "पूरा लाया गया", fromTo: "{from} से {to}", nothingYet: "अभी कुछ नहीं", backfill: "पिछला साल", backfillDone: "लाया गया", backfillRuns: "लाया जा रहा है", lastCall: "पिछला कॉल", never: "कभी नहीं", nextCall: "अगला कॉल संभव", now: "अभी", sync: "अभी लाएँ", asked: "लाने को कहा गया",
    coverage: "दिन के हिसाब से क्या-क्या लाया गया",
    push: "IndiaMART से पुश", pushText: "IndiaMART हर पूछताछ तुरंत भेज सकता है। Push API में यह पता दें; साथ में लाना भी चलता रहेगा ताकि कुछ न छूटे।", pushMake: "पता बनाएँ", pushAgain: "नया पता बनाएँ", pushAgainText: "पुराना पता तुरंत बंद हो जाएगा।", pushMade: "इसे IndiaMART पर डालें। यह केवल अभी दिखेगा।", pushOn: "सेट है",
    log: "लॉग", when: "कब", kind: "क्या", outcome: "नतीजा", got: "मिले", new: "नए", running: "चल रहा है",
    kind_live: "नई पूछताछ", kind_backfill: "पुरानी", kind_manual: "हाथ से", kind_push: "पुश", kind_sweep: "पिछले 7 दिन फिर से",
    outcome_ok: "पूरा", outcome_empty: "कुछ नया नहीं", outcome_not_released: "IndiaMART ने रोका", outcome_rate_limited: "बहुत जल्दी", outcome_blocked: "रोका गया", outcome_key_rejected: "key नहीं मानी", outcome_bad_request: "मना किया", outcome_server_error: "IndiaMART में गड़बड़ी", outcome_unreadable: "समझ नहीं आया", outcome_lost: "बीच में टूटा", outcome_disconnected: "अलग किया गया",
    disconnect: "IndiaMART अलग करें", disconnectText: "Flow IndiaMART को कॉल करना तुरंत बंद करेगा और key हटा देगा। लीड रहेंगी।",
  },
})

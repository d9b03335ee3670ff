import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "The tokens and keys that you gave Flow are sealed, each with a key of its own version, and opened in memory only for the work that stands here. None is ever shown again, to anybody.",
    tokens: "Sealed tokens", none: "Flow holds no token of yours", noneText: "Once WhatsApp or IndiaMART is connected, its token stands here.", meta_token: "WhatsApp token", indiamart_key: "IndiaMART key", registration_pin: "PIN of the number", secret: "Key",
    sealed: "sealed {day}", key: "encryption key {n}, made {day}", used: "last used {time}", unused: "not used yet", revoked: "revoked {day}", removed: "removed {day}", broken: "cannot be opened since {day}", live: "In use", gone: "Revoked",
    reads: "Who used them", readsText: "Each minute in which a token was opened, and what for. Kept for a year.", noReads: "No token was opened yet.", times: { one: "once", other: "{n} times" }, older: "Older", former: "a token that is gone", everyToken: "Every token", which: "Token",
    dispatch: "Sending messages", indiamart: "Fetching enquiries", media: "Files of messages", template_sync: "Reading templates", template_write: "Changing templates", health: "Hourly check", signup: "Connecting", registration: "Registering the number", cleanup: "Disconnecting at Meta", reconcile: "Comparing costs with Meta", rotation: "Sealed anew with a new key", other: "Other work: {name}",
  },
  hi: {
    text: "आपने Flow को जो टोकन और key दिए, वे सील हैं, हर एक अपने संस्करण की चाबी से, और केवल मेमोरी में, यहाँ लिखे काम के लिए खुलते हैं। कोई भी फिर कभी किसी को दिखाया नहीं जाता।",
    tokens: "सील किए टोकन", none: "Flow के पास आपका कोई टोकन नहीं", noneText: "WhatsApp या IndiaMART जुड़ने पर उसका टोकन यहाँ दिखेगा।", meta_token: "WhatsApp टोकन", indiamart_key: "IndiaMART key", registration_pin: "नंबर का PIN", secret: "Key",
    sealed: "{day} को सील", key: "एन्क्रिप्शन की चाबी {n}, {day} को बनी", used: "पिछला इस्तेमाल {time}", unused: "अभी इस्तेमाल नहीं हुआ", revoked: "{day} को रद्द", removed: "{day} को हटाया", broken: "{day} से नहीं खुलता", live: "चालू", gone: "रद्द",
    reads: "किसने इस्तेमाल किया", readsText: "हर मिनट जिसमें टोकन खोला गया, और किस काम के लिए। एक साल तक रहता है।", noReads: "अभी कोई टोकन नहीं खोला गया।", times: { one: "एक बार", other: "{n} बार" }, older: "और पुराने", former: "जो टोकन अब नहीं है", everyToken: "सभी टोकन", which: "टोकन",
    dispatch: "संदेश भेजना", indiamart: "पूछताछ लाना", media: "संदेशों की फ़ाइलें", template_sync: "टेम्पलेट पढ़ना", template_write: "टेम्पलेट बदलना", health: "हर घंटे की जाँच", signup: "जोड़ना", registration: "नंबर दर्ज करना", cleanup: "Meta पर अलग करना", reconcile: "Meta से खर्च मिलाना", rotation: "नई चाबी से फिर सील", other: "और काम: {name}",
  },
})

const KINDS = ["meta_token", "indiamart_key", "registration_pin"]
const WORK = ["dispatch", "indiamart", "media", "template_sync", "template_write", "health", "signup", "registration", "cleanup", "reconcile", "rotation"]

export const kindOf = (kind) => t(KINDS.includes(kind) ? kind : "secret")
export const workOf = (purpose) => (WORK.includes(purpose) ? t(purpose) : t("other", { name: purpose }))

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "Every night Flow removes what is older than its time here, for good. The time counts from the day Flow got it.",
    yours: "What you decide", fixed: "What Flow decides", working: "Working data of Flow", conversations: "Messages and contacts", conversationsText: "Older messages are removed. A contact is removed with leads, tasks and notes when nothing newer is left and no lead is open. What the messages cost stays in the books.",
    media: "Photos, videos and documents", mediaText: "Files of messages. The message stays and says that its file was removed.", lead_payloads: "Enquiries as they came", lead_payloadsText: "The original data of IndiaMART, forms and programs. What Flow read from it stays.",
    consent: "Consent: who agreed or declined", webhooks: "Meta's webhooks, byte for byte", outgoing: "Events told to your programs", dead_letters: "Updates that could not be applied", undo: "What undoing a merge or an import needs", notifications: "Notifications", sync_runs: "Log of calls to lead sources", access: "Who used which token", audit: "Who did what", inquiries: "Tickets to Flow's support, from when they were closed", unconfirmed: "Inquiries whose address nobody confirmed", books: "Invoices, payments, usage ledger", proofs: "Proof of erasures, by keyed hash", contract: "Your settings, team, templates, forms",
    template_writes: "Changes of templates", answers: "Answers to programs, for repeats", signals: "Read receipts that could not be sent", day: "Counts for Meta's daily limit, networks of forms", feed: "Notices for open pages", exports: "Exports", requests: "Requests to our servers and pages opened, without full addresses", diagnostics: "Errors and calls to other services (by whole months)", figures: "Daily figures of the service, without people", other: "Other data",
    asContract: "as long as you use Flow", forever: "as long as the law says", afterContact: "{time} after the contact is gone", months: { one: "{n} month", other: "{n} months" }, days: { one: "{n} day", other: "{n} days" }, hours: { one: "{n} hour", other: "{n} hours" }, years: { one: "{n} year", other: "{n} years" },
    keep: "Keep for", standard: "Standard: {time}", law: "The law: {text}", last: "Last cleared out {time}", never: "Not cleared out yet",
    save: "Review and save", saved: "Saved. It counts from the coming night on.", sure: "Clear out older data?", nothing: "Nothing is that old today. From now on, every night what gets older goes.",
    takes: "The coming night removes {what}. This cannot be taken back.", action: "Save", messages: { one: "{n} message", other: "{n} messages" }, contacts: { one: "{n} contact", other: "{n} contacts" }, files: { one: "{n} file ({size})", other: "{n} files ({size})" }, payloads: { one: "the original data of {n} enquiry", other: "the original data of {n} enquiries" },
    holds: "Legal hold", holdsText: "For a dispute or an order of an authority: while a hold stands, nothing goes by age, and the organization cannot be deleted.", noHold: "Nothing is held.", heldAll: "Everything is held", heldOne: "Held: {name}", since: "since {time}", byFlow: "set by Flow", hold: "Hold everything", reason: "Why", reasonHelp: "For instance: dispute about an order, until it is settled.", holding: "Held. Nothing goes by age now.", lift: "Lift the hold", liftText: "What is too old goes from the coming night on.", lifted: "Lifted", stands: "A legal hold stands: nothing is removed.",
    runs: "What was removed of yours", noRuns: "Nothing so far.", ownersOnly: "Owners can change this.", rows: { one: "{n} entry", other: "{n} entries" },
  },
  hi: {
    text: "यहाँ लिखे समय से पुराना डेटा Flow हर रात हमेशा के लिए हटा देता है। समय उस दिन से गिना जाता है जब डेटा Flow को मिला।",
    yours: "जो आप तय करते हैं", fixed: "जो Flow तय करता है", working: "Flow का कामकाजी डेटा", conversations: "संदेश और संपर्क", conversationsText: "संदेश हटते हैं। संपर्क अपनी लीड, काम और नोट के साथ तब हटते हैं जब उनका कुछ भी नया न हो और कोई लीड खुली न हो। खर्च हिसाब में रहता है।",
    media: "फ़ोटो, वीडियो और दस्तावेज़", mediaText: "संदेशों की फ़ाइलें। संदेश रहता है और बताता है कि फ़ाइल हटाई गई।", lead_payloads: "पूछताछ, जैसी आई", lead_payloadsText: "IndiaMART, फ़ॉर्म और प्रोग्राम का मूल डेटा। Flow ने उससे जो पढ़ा, वह रहता है।",
    consent: "सहमति: किसने हाँ या ना कहा", webhooks: "Meta के वेबहुक, जैसे आए", outgoing: "आपके प्रोग्रामों को बताई घटनाएँ", dead_letters: "जो अपडेट लागू नहीं हो सके", undo: "मिलाना या इम्पोर्ट वापस लेने के लिए", notifications: "सूचनाएँ", sync_runs: "लीड स्रोतों की कॉल का लॉग", access: "किसने कौन-सा टोकन इस्तेमाल किया", audit: "किसने क्या किया", inquiries: "Flow के सपोर्ट को लिखे टिकट, बंद होने के बाद से", unconfirmed: "पूछताछ जिनके पते की पुष्टि नहीं हुई", books: "बिल, भुगतान, खर्च का बहीखाता", proofs: "मिटाने के सबूत, keyed hash से", contract: "आपकी सेटिंग, टीम, टेम्पलेट, फ़ॉर्म",
    template_writes: "टेम्पलेट के बदलाव", answers: "प्रोग्राम को दिए जवाब", signals: "जो ब्लू टिक भेजे नहीं जा सके", day: "Meta की रोज़ की सीमा की गिनती, फ़ॉर्म के नेटवर्क", feed: "खुले पेज की खबरें", exports: "एक्सपोर्ट", requests: "हमारे सर्वर पर आई रिक्वेस्ट और खोले गए पेज, पूरे पते के बिना", diagnostics: "गड़बड़ियाँ और दूसरी सेवाओं की कॉल (पूरे महीने में)", figures: "सेवा के रोज़ के आँकड़े, लोगों के बिना", other: "और डेटा",
    asContract: "जब तक आप Flow इस्तेमाल करें", forever: "जब तक कानून कहे", afterContact: "संपर्क हटने के {time} बाद तक", months: { one: "{n} महीना", other: "{n} महीने" }, days: { one: "{n} दिन", other: "{n} दिन" }, hours: { one: "{n} घंटा", other: "{n} घंटे" }, years: { one: "{n} साल", other: "{n} साल" },
    keep: "कितने समय रखें", standard: "मानक: {time}", law: "कानून: {text}", last: "पिछली सफ़ाई {time}", never: "अभी सफ़ाई नहीं हुई",
    save: "देखें और सहेजें", saved: "सहेजा गया। आने वाली रात से लागू होगा।", sure: "पुराना डेटा हटाएँ?", nothing: "आज इतना पुराना कुछ नहीं है। अब से हर रात जो पुराना हो जाए वह हटेगा।",
    takes: "आने वाली रात {what} हटेंगे। इसे वापस नहीं लिया जा सकता।", action: "सहेजें", messages: { one: "{n} संदेश", other: "{n} संदेश" }, contacts: { one: "{n} संपर्क", other: "{n} संपर्क" }, files: { one: "{n} फ़ाइल ({size})", other: "{n} फ़ाइलें ({size})" }, payloads: { one: "{n} पूछताछ का मूल डेटा", other: "{n} पूछताछ का मूल डेटा" },
    holds: "कानूनी रोक", holdsText: "विवाद या किसी अधिकारी के आदेश के लिए: जब तक रोक है, उम्र से कुछ नहीं हटता, और संगठन मिटाया नहीं जा सकता।", noHold: "किसी पर रोक नहीं है।", heldAll: "सब पर रोक है", heldOne: "रोक: {name}", since: "{time} से", byFlow: "Flow ने लगाई", hold: "सब पर रोक लगाएँ", reason: "क्यों", reasonHelp: "जैसे: ऑर्डर का विवाद, जब तक सुलझ न जाए।", holding: "रोक लगी। अब उम्र से कुछ नहीं हटेगा।", lift: "रोक हटाएँ", liftText: "जो बहुत पुराना है वह आने वाली रात से हटेगा।", lifted: "रोक हटी", stands: "कानूनी रोक लगी है: कुछ नहीं हटाया जाता।",
    runs: "आपका क्या हटाया गया", noRuns: "अभी तक कुछ नहीं।", ownersOnly: "इसे मालिक बदल सकते हैं।", rows: { one: "{n} प्रविष्टि", other: "{n} प्रविष्टियाँ" },
  },
})

const NAMED = new Set(["conversations", "media", "lead_payloads", "consent", "webhooks", "outgoing", "dead_letters", "undo", "notifications", "sync_runs", "access", "audit", "inquiries", "unconfirmed", "books", "proofs", "contract", "template_writes", "answers", "signals", "day", "feed", "exports", "requests", "diagnostics", "figures"])

/** What a class is called; one that this page does not know yet: in the database's words. */
export const named = ({ class: key, what }) => (NAMED.has(key) ? t(key) : (what ?? t("other")))

/** {months, days, hours} in words. */
export const span = ({ months = 0, days = 0, hours = 0 }) =>
  [months && months % 12 === 0 ? t("years", { n: months / 12 }) : months && t("months", { n: months }), days && t("days", { n: days }), hours && t("hours", { n: hours })].filter(Boolean).join(" ")

/** How long a class is kept, as it stands. */
export function kept(one) {
  if (one.class === "consent") return t("afterContact", { time: span(one.keeps) })
  if (one.months) return span({ months: one.months })
  if (one.keeps) return span(one.keeps)
  return t(one.class === "books" || one.class === "proofs" ? "forever" : "asContract")
}

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "Every time a person agreed to messages or stopped them, with how we know. Nothing here can be changed; a new decision is a new line.",
    all: "All", opt_out: "Stopped", opt_in: "Agreed", nothing: "Nobody has decided yet", nothingText: "When a customer writes STOP or START, agrees in a form, or tells a colleague, it stands here.", older: "Older", csv: "Download (CSV)", again: "Try again",
    inbound: "by a message", meta: "told by Meta", person: "noted by a colleague", form: "in a form", import: "in a file", operator: "by Flow", otherSource: "from {name}", unnamed: "Without a name", reading: { one: "{n} line so far…", other: "{n} lines so far…" },
    col_at: "When (UTC)", col_decision: "Decision", col_source: "Source", col_evidence: "Evidence", col_name: "Name", col_phone: "Phone", col_ref: "Reference", col_stored: "Recorded (UTC)",
  },
  hi: {
    text: "हर बार जब किसी ने संदेशों के लिए हाँ कहा या उन्हें रोका, और हमें कैसे पता है। यहाँ कुछ बदला नहीं जा सकता; नया फ़ैसला नई पंक्ति है।",
    all: "सब", opt_out: "रोका", opt_in: "हाँ कहा", nothing: "अभी किसी ने फ़ैसला नहीं किया", nothingText: "जब ग्राहक STOP या START लिखे, फ़ॉर्म में हाँ कहे या किसी साथी को बताए, वह यहाँ दिखेगा।", older: "और पुराने", csv: "डाउनलोड (CSV)", again: "फिर कोशिश करें",
    inbound: "संदेश से", meta: "Meta ने बताया", person: "साथी ने लिखा", form: "फ़ॉर्म में", import: "फ़ाइल में", operator: "Flow से", otherSource: "{name} से", unnamed: "बिना नाम", reading: { one: "अब तक {n} पंक्ति…", other: "अब तक {n} पंक्तियाँ…" },
    col_at: "कब (UTC)", col_decision: "फ़ैसला", col_source: "कहाँ से", col_evidence: "सबूत", col_name: "नाम", col_phone: "फ़ोन", col_ref: "संदर्भ", col_stored: "दर्ज (UTC)",
  },
})

const SOURCES = ["inbound", "meta", "person", "form", "import", "operator"]

export const sourceOf = (source) => (SOURCES.includes(source) ? t(source) : t("otherSource", { name: source }))

/** The words that were said, if there are any. */
export const said = ({ evidence: { text, words, button, title } }) => [text, words, button?.text, button?.button_reply?.title, title].find((one) => typeof one === "string" && one) ?? ""

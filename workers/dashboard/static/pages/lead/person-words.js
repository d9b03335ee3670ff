import { words } from "../../lib/words.js"

/** What can be corrected of a person, in the order in which it is shown. */
export const PERSON = ["name", "company", "address", "city", "state", "pincode"]

export const t = words({
  en: {
    person: "Person", name: "Name", company: "Company", address: "Address", city: "City", state: "State", pincode: "PIN code", addMore: "Add {what}",
    addressHelp: "Shift and Enter for a new line", optedOut: "They asked for no more messages", username: "On WhatsApp as {name}",
    points: "Numbers and e-mail addresses", phone: "Phone", email: "E-mail", main: "Main", fromWhatsapp: "They write from this number", more: "More about {value}",
    makeMain: "Make it the main one", label: "What you call it…", labelOf: "What do you call it?", labelExample: "Office, brother, accounts…", remove: "Remove", removed: "Removed", undo: "Undo", copied: "Copied", copy: "Copy",
    addPoint: "Number or e-mail", addTitle: "Another number or e-mail address", number: "Phone number", address_: "E-mail address", numberHelp: "For another country write it with + and the country code.", add: "Add", save: "Save", cancel: "Cancel", kind: "What is it?",
    phone_invalid: "This is not a complete phone number.", email_invalid: "This is not an e-mail address.", taken: "Another contact has this already. Perhaps it is the same person?", compare: "Compare both",
    point_in_use: "They wrote from this number, or messages go to it. Make another one the main one first; a number they wrote from stays.", points_too_many: "A contact has at most 50 numbers and addresses.",
    doubles: "Maybe the same person", allDoubles: "All likely duplicates", mergedWith: "Merged with {name}, {day}", mergedGone: "another contact", undoMerge: "Take back",
  },
  hi: {
    person: "व्यक्ति", name: "नाम", company: "कंपनी", address: "पता", city: "शहर", state: "राज्य", pincode: "पिन कोड", addMore: "{what} जोड़ें",
    addressHelp: "नई लाइन के लिए Shift और Enter", optedOut: "इन्होंने और संदेश न भेजने को कहा है", username: "WhatsApp पर {name}",
    points: "नंबर और ई-मेल पते", phone: "फ़ोन", email: "ई-मेल", main: "मुख्य", fromWhatsapp: "ये इसी नंबर से लिखते हैं", more: "{value} के बारे में और",
    makeMain: "इसे मुख्य बनाएँ", label: "आप इसे क्या कहते हैं…", labelOf: "आप इसे क्या कहते हैं?", labelExample: "ऑफ़िस, भाई, अकाउंट…", remove: "हटाएँ", removed: "हटाया गया", undo: "वापस लें", copied: "कॉपी हुआ", copy: "कॉपी करें",
    addPoint: "नंबर या ई-मेल", addTitle: "एक और नंबर या ई-मेल पता", number: "फ़ोन नंबर", address_: "ई-मेल पता", numberHelp: "दूसरे देश का हो तो + और देश कोड के साथ लिखें।", add: "जोड़ें", save: "सहेजें", cancel: "रद्द करें", kind: "यह क्या है?",
    phone_invalid: "यह पूरा फ़ोन नंबर नहीं है।", email_invalid: "यह ई-मेल पता नहीं है।", taken: "यह पहले से किसी और संपर्क का है। शायद वही व्यक्ति हो?", compare: "दोनों की तुलना करें",
    point_in_use: "ये इसी नंबर से लिखते हैं, या संदेश इसी पर जाते हैं। पहले किसी और को मुख्य बनाएँ; जिस नंबर से इन्होंने लिखा वह बना रहता है।", points_too_many: "एक संपर्क के ज़्यादा से ज़्यादा 50 नंबर और पते हो सकते हैं।",
    doubles: "शायद वही व्यक्ति", allDoubles: "सभी संभावित डुप्लिकेट", mergedWith: "{name} के साथ मिलाया गया, {day}", mergedGone: "दूसरा संपर्क", undoMerge: "वापस लें",
  },
})

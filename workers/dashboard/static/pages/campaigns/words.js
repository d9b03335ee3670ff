// words.js: what the pages of campaigns share.
import { words } from "../../lib/words.js"

export const t = words({
  en: {
    back: "Back", cancel: "Cancel", save: "Save", tryAgain: "Try again", unnamed: "No name",
    value: "Value {name}", heading: "Heading: {name}", button: "Button “{name}”: the end of its link or its code", from: "{label}: where from", whenEmpty: "{label}: when it is empty", sameText: "{label}: the text",
    emptyWords: "When empty: {words}", sameFor: "The same for everybody", writeIt: "Write it here", sameFile: "Everybody gets the same file.",
    field_name: "Their name", field_product: "The product they asked for", field_company: "Their company", field_city: "Their city", field_state: "Their state", field_phone: "Their phone number", field_title: "The enquiry's title", field_organization: "Your business's name",
    place_latitude: "Latitude", place_longitude: "Longitude", place_name: "Name of the place", place_address: "Address of the place",
    noValues: "This template has nothing to fill in.", preview: "How it will look", previewOf: "How {name} sees it", fillAll: "Fill in every value to go on.", change: "Choose another",
    results: "Results", people: "People", number: "From which number",
    noNumber: "No WhatsApp number is connected yet", noNumberText: "Connect your number in the settings; then you can write to your leads.", connect: "Connect WhatsApp",
  },
  hi: {
    back: "वापस", cancel: "रद्द करें", save: "सहेजें", tryAgain: "फिर कोशिश करें", unnamed: "नाम नहीं",
    value: "मान {name}", heading: "शीर्षक: {name}", button: "बटन “{name}”: लिंक का आख़िरी हिस्सा या कोड", from: "{label}: कहाँ से", whenEmpty: "{label}: खाली होने पर", sameText: "{label}: टेक्स्ट",
    emptyWords: "खाली होने पर: {words}", sameFor: "सबके लिए एक जैसा", writeIt: "यहाँ लिखें", sameFile: "सबको यही फ़ाइल जाती है।",
    field_name: "उनका नाम", field_product: "जो प्रोडक्ट पूछा", field_company: "उनकी कंपनी", field_city: "उनका शहर", field_state: "उनका राज्य", field_phone: "उनका फ़ोन नंबर", field_title: "पूछताछ का शीर्षक", field_organization: "आपके बिज़नेस का नाम",
    place_latitude: "अक्षांश", place_longitude: "देशांतर", place_name: "जगह का नाम", place_address: "जगह का पता",
    noValues: "इस टेम्पलेट में भरने को कुछ नहीं है।", preview: "ऐसा दिखेगा", previewOf: "{name} को ऐसा दिखेगा", fillAll: "आगे बढ़ने के लिए हर मान भरें।", change: "दूसरा चुनें",
    results: "नतीजे", people: "लोग", number: "किस नंबर से",
    noNumber: "अभी कोई WhatsApp नंबर जुड़ा नहीं है", noNumberText: "सेटिंग में अपना नंबर जोड़ें; फिर आप अपनी लीड को लिख सकेंगे।", connect: "WhatsApp जोड़ें",
  },
})

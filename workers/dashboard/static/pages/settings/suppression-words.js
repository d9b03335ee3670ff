import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Erased people", text: "Who asked to be forgotten stays forgotten: files, marketplaces and the phone's address book bring nobody back. Flow keeps only hashes that recognize them. People are erased on the page of their lead.",
    people: "On the list", refused: "Turned away", returned: "Wrote again themselves", lifted: "Taken off by an owner", none: "Nobody has been erased.",
    waiting: "Requests", scheduled: "Will be erased: {time}", erasing: "Being erased", erased_on: "Erased: {time}", cancelled: "Taken back", look: "Open the lead",
    lift: "Take somebody off the list…", liftTitle: "Take somebody off the list", liftText: "When they have come to you again and agreed. Everything that was known of them comes off the list; nothing of their old data comes back.",
    kind: "What do you know?", phone: "Phone number", email: "E-mail address", value: "Number or address", valueHelp: "A number with + and country code", evidence: "How did they agree?", evidenceHelp: "For instance: called on Monday and asked for a quotation.", action: "Take off the list", cancel: "Cancel", done: "Taken off the list",
  },
  hi: {
    title: "मिटाए गए लोग", text: "जिसने भुलाए जाने को कहा वह भूला ही रहेगा: फ़ाइलें, मार्केटप्लेस या फ़ोन की एड्रेस बुक किसी को वापस नहीं लाते। Flow केवल हैश रखता है जिनसे उन्हें पहचाना जाता है। लोगों को उनकी लीड के पेज पर मिटाया जाता है।",
    people: "सूची में", refused: "लौटाए गए", returned: "खुद फिर लिखा", lifted: "मालिक ने हटाए", none: "अभी किसी को नहीं मिटाया गया।",
    waiting: "अनुरोध", scheduled: "मिटाया जाएगा: {time}", erasing: "मिटाया जा रहा है", erased_on: "मिटाया गया: {time}", cancelled: "वापस लिया गया", look: "लीड खोलें",
    lift: "किसी को सूची से हटाएँ…", liftTitle: "किसी को सूची से हटाएँ", liftText: "जब वे आपके पास फिर आए हों और सहमत हों। उनके बारे में जो पहचान थी वह सूची से हट जाएगी; पुराना डेटा वापस नहीं आएगा।",
    kind: "आपको क्या पता है?", phone: "फ़ोन नंबर", email: "ई-मेल पता", value: "नंबर या पता", valueHelp: "नंबर + और देश कोड के साथ", evidence: "वे कैसे सहमत हुए?", evidenceHelp: "जैसे: सोमवार को फ़ोन करके कोटेशन माँगा।", action: "सूची से हटाएँ", cancel: "रद्द करें", done: "सूची से हटाया गया",
  },
})

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    gone: "This lead is not there", goneText: "It may have been removed by undoing an import, or the address is of another organization.", toLeads: "To the leads", back: "Back",
    stage: "Stage", stageIs: "Stage: {stage}. Change", win: "Won", lose: "Lost", reopen: "Reopen", chat: "Open chat", enquiry: "The enquiry", noProduct: "No product named", less: "Show less", whole: "Show all of it",
    because: "Reason: {reason}", unreachable: "No phone number or e-mail to reach them", phone_invalid: "The phone number is not complete", received_at_unreadable: "The time of the enquiry could not be read", conflicting_copy: "The source sent a second copy that differs",
    timeline: "Timeline", details: "Details", edit: "{label}: {value}. Change", empty: "Not filled in", lead: "Lead", owner: "Owner", nobody: "Nobody", changeOwner: "Change the owner",
    value: "Value", amountWrong: "Write an amount, for example 1,20,000.", tags: "Tags", addTag: "Tag", newTag: "New tag…", untag: "Take off “{name}”", cameFrom: "From {source}", others: "Other leads of this person",
    show: "Show", all: "All", messages: "Messages", notes: "Notes", changes: "Changes", nothingYet: "Nothing here yet", older: "Older", note: "Note", noteExample: "Write a note for your team…", writeNote: "Write note",
    left: "Somebody who left", flow: "Flow", out: "Sent", in: "Received", byItself: "Sent by itself", cost: "What it cost", noteOf: "Note", inChat: "in the chat",
    status_queued: "waiting", status_sending: "being sent", status_sent: "sent", status_delivered: "delivered", status_read: "read", status_played: "played", status_failed: "not delivered", status_cancelled: "cancelled", status_uncertain: "not certain", status_received: "received",
    kind_text: "Text", kind_template: "Template", kind_image: "Photo", kind_video: "Video", kind_audio: "Voice message", kind_document: "Document", kind_sticker: "Sticker", kind_location: "Location", kind_contacts: "Contact", kind_interactive: "Answer to choose", kind_reaction: "Reaction", kind_other: "Message",
    stageGone: "a stage that is gone", nothing: "nothing", did_moved: "moved it from “{from}” to “{to}”", did_won: "marked it as won", did_lost: "marked it as lost", did_reopened: "reopened it in “{to}”", did_assigned: "gave it to {name}", did_unassigned: "took it from its owner",
    did_valued: "set the value to {to}", did_tagged: "put on the tag “{name}”", did_untagged: "took off the tag “{name}”", did_field: "set “{field}” to {to}", did_greeting_skipped: "sent no greeting: {reason}", did_received: "received the enquiry", did_undone: "took a change to many leads back",
    did_contact_changed: "corrected the person: {fields}", did_contact_merged: "merged another contact into this person", did_contact_unmerged: "took a merge of contacts back",
    did_greeting_queued: "sent the greeting", did_greeting_scheduled: "scheduled the greeting", did_conflicting_copy: "received a copy that differs",
  },
  hi: {
    gone: "यह लीड यहाँ नहीं है", goneText: "हो सकता है इंपोर्ट वापस लेने से हट गई हो, या पता किसी दूसरे संगठन का हो।", toLeads: "लीड पर जाएँ", back: "वापस",
    stage: "चरण", stageIs: "चरण: {stage}। बदलें", win: "जीती", lose: "गँवाई", reopen: "फिर खोलें", chat: "चैट खोलें", enquiry: "पूछताछ", noProduct: "प्रोडक्ट नहीं बताया", less: "कम दिखाएँ", whole: "पूरा दिखाएँ",
    because: "वजह: {reason}", unreachable: "संपर्क के लिए फ़ोन या ई-मेल नहीं है", phone_invalid: "फ़ोन नंबर पूरा नहीं है", received_at_unreadable: "पूछताछ का समय पढ़ा नहीं जा सका", conflicting_copy: "स्रोत ने दूसरी प्रति भेजी जो अलग है",
    timeline: "टाइमलाइन", details: "जानकारी", edit: "{label}: {value}। बदलें", empty: "भरा नहीं है", lead: "लीड", owner: "ज़िम्मेदार", nobody: "कोई नहीं", changeOwner: "ज़िम्मेदार बदलें",
    value: "कीमत", amountWrong: "रकम लिखें, जैसे 1,20,000।", tags: "टैग", addTag: "टैग", newTag: "नया टैग…", untag: "“{name}” हटाएँ", cameFrom: "{source} से", others: "इस व्यक्ति की दूसरी लीड",
    show: "दिखाएँ", all: "सब", messages: "संदेश", notes: "नोट", changes: "बदलाव", nothingYet: "यहाँ अभी कुछ नहीं", older: "पुराने", note: "नोट", noteExample: "टीम के लिए नोट लिखें…", writeNote: "नोट लिखें",
    left: "जो टीम छोड़ चुके", flow: "Flow", out: "भेजा", in: "आया", byItself: "अपने-आप भेजा गया", cost: "कितना खर्च हुआ", noteOf: "नोट", inChat: "चैट में",
    status_queued: "इंतज़ार में", status_sending: "भेजा जा रहा", status_sent: "भेजा गया", status_delivered: "पहुँच गया", status_read: "पढ़ा गया", status_played: "सुना गया", status_failed: "नहीं पहुँचा", status_cancelled: "रद्द", status_uncertain: "पक्का नहीं", status_received: "आया",
    kind_text: "टेक्स्ट", kind_template: "टेम्पलेट", kind_image: "फ़ोटो", kind_video: "वीडियो", kind_audio: "वॉइस मैसेज", kind_document: "डॉक्यूमेंट", kind_sticker: "स्टिकर", kind_location: "लोकेशन", kind_contacts: "संपर्क", kind_interactive: "चुनने वाला संदेश", kind_reaction: "रिएक्शन", kind_other: "संदेश",
    stageGone: "एक हटाए गए चरण", nothing: "कुछ नहीं", did_moved: "ने इसे “{from}” से “{to}” में किया", did_won: "ने इसे जीती हुई बताया", did_lost: "ने इसे गँवाई हुई बताया", did_reopened: "ने इसे “{to}” में फिर खोला", did_assigned: "ने इसे {name} को सौंपा", did_unassigned: "ने इसे किसी के ज़िम्मे नहीं रखा",
    did_valued: "ने कीमत {to} रखी", did_tagged: "ने “{name}” टैग लगाया", did_untagged: "ने “{name}” टैग हटाया", did_field: "ने “{field}” में {to} रखा", did_greeting_skipped: "ने स्वागत संदेश नहीं भेजा: {reason}", did_received: "को पूछताछ मिली", did_undone: "ने कई लीड का बदलाव वापस लिया",
    did_contact_changed: "ने व्यक्ति की जानकारी ठीक की: {fields}", did_contact_merged: "ने दूसरे संपर्क को इस व्यक्ति में मिलाया", did_contact_unmerged: "ने संपर्कों का मिलाना वापस लिया",
    did_greeting_queued: "ने स्वागत संदेश भेजा", did_greeting_scheduled: "ने स्वागत संदेश का समय तय किया", did_conflicting_copy: "को एक अलग प्रति मिली",
  },
})

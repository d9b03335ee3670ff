import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "Flow looks into the sheet every few minutes. New rows become leads, edits change what nobody has touched here, and deleted rows delete nothing.",
    share: "1. Share the sheet with this address, as a viewer", link: "2. Paste its link", linkHelp: "From the browser's address bar, with the right tab open.", connect: "Connect sheet", connected: "Connected: {name}", notSetUp: "Google Sheets are not set up on this installation.",
    none: "No sheet yet", noneText: "Leads that your team keeps in a Google Sheet come into Flow by themselves.",
    match: "Match columns", rematch: "Match columns again", sync: "Read now", asked: "The sheet is about to be read", disconnect: "Disconnect", disconnectText: "Flow stops reading “{name}” at once. Its leads stay.", gone: "Disconnected", greet: "Greet people in new rows", greetHelp: "Never those who stood there before.",
    ok: "Works", rate_limited: "Google asks for patience", failing: "Google does not answer properly", access_lost: "Not shared any more", needs_mapping: "Columns to be matched", header_changed: "Columns have changed", too_large: "Too large", disconnected: "Disconnected",
    looked: "Looked at {time}", changed: "Last change {time}", counts: "{new} new, {updated} changed, {known} known, {error} not stored", running: "Being stored", open: "Open in Google",
  },
  hi: {
    text: "Flow हर कुछ मिनट में शीट देखता है। नई पंक्तियाँ लीड बनती हैं, बदलाव वही बदलते हैं जिसे यहाँ किसी ने नहीं छुआ, और हटाई गई पंक्तियाँ कुछ नहीं हटातीं।",
    share: "1. शीट को इस पते के साथ Viewer के रूप में शेयर करें", link: "2. उसका लिंक चिपकाएँ", linkHelp: "ब्राउज़र के एड्रेस बार से, सही टैब खोलकर।", connect: "शीट जोड़ें", connected: "जुड़ गई: {name}", notSetUp: "इस सर्वर पर Google Sheets सेट नहीं है।",
    none: "अभी कोई शीट नहीं", noneText: "जो लीड आपकी टीम Google Sheet में रखती है वे अपने-आप Flow में आएँगी।",
    match: "कॉलम मिलाएँ", rematch: "कॉलम फिर मिलाएँ", sync: "अभी पढ़ें", asked: "शीट अभी पढ़ी जाएगी", disconnect: "अलग करें", disconnectText: "Flow “{name}” पढ़ना तुरंत बंद करेगा। लीड रहेंगी।", gone: "अलग की गई", greet: "नई पंक्तियों के लोगों को अभिवादन भेजें", greetHelp: "पहले से मौजूद लोगों को कभी नहीं।",
    ok: "चल रही है", rate_limited: "Google ने थोड़ा रुकने को कहा है", failing: "Google ठीक से जवाब नहीं दे रहा", access_lost: "अब शेयर नहीं है", needs_mapping: "कॉलम मिलाने हैं", header_changed: "कॉलम बदल गए हैं", too_large: "बहुत बड़ी", disconnected: "अलग की गई",
    looked: "{time} पर देखा", changed: "पिछला बदलाव {time}", counts: "{new} नई, {updated} बदली, {known} पहले से, {error} नहीं रखी गईं", running: "रखी जा रही हैं", open: "Google में खोलें",
  },
})

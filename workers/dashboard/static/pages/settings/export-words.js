import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Export everything", ownersOnly: "Owners of the organization can export it.", ask: "Make an export", asked: "The export is being made.", none: "No export yet",
    text: "Every row and every file of the organization in one file (a very large one in parts), to keep or to take elsewhere. It is made in the background, can be downloaded for seven days, and is then deleted. Each export and each download stands in the audit log.",
    again: "The next one can be made: {at}", reading: "Reading what there is…", writing: "Packing and checking…", soFar: "{rows} rows, {size} so far", mayLeave: "You may leave this page.",
    is_reading: "Under way", is_writing: "Under way", is_ready: "Ready", is_failed: "Failed", is_cancelled: "Stopped", is_expired: "Deleted",
    holds: "{rows} rows", until: "can be downloaded until {at}", download: "Download", checksums: "Checksums (SHA-256)", stop: "Stop", stopText: "What has been made of it is deleted.", remove: "Delete the file", removeText: "Nobody can download it any more.",
    whatTitle: "What is in it", what: "Leads as they came, people, conversations and messages with their files, notes, tasks, settings, templates, broadcasts, the usage ledger and statements, consent, what was imported, webhooks as Meta sent them, the audit log, and names and addresses of members.",
    formats: "As JSON Lines for programs and as CSV for spreadsheets; manifest.json names every file with its rows and its checksum. It opens with any program that reads ZIP files.", leftOut: "What is left out, and why",
  },
  hi: {
    title: "सब कुछ निर्यात करें", ownersOnly: "संगठन के मालिक इसे निर्यात कर सकते हैं।", ask: "निर्यात बनाएँ", asked: "निर्यात बन रहा है।", none: "अभी कोई निर्यात नहीं",
    text: "संगठन की हर पंक्ति और हर फ़ाइल एक फ़ाइल में (बहुत बड़ी हो तो भागों में), रखने या कहीं और ले जाने के लिए। यह पीछे बनती है, सात दिन तक डाउनलोड हो सकती है और फिर मिट जाती है। हर निर्यात और हर डाउनलोड ऑडिट लॉग में रहता है।",
    again: "अगला तब बन सकता है: {at}", reading: "जो है वह पढ़ा जा रहा है…", writing: "पैक और जाँच हो रही है…", soFar: "अब तक {rows} पंक्तियाँ, {size}", mayLeave: "आप यह पेज छोड़ सकते हैं।",
    is_reading: "चल रहा है", is_writing: "चल रहा है", is_ready: "तैयार", is_failed: "नहीं बना", is_cancelled: "रोका गया", is_expired: "मिटाया गया",
    holds: "{rows} पंक्तियाँ", until: "{at} तक डाउनलोड करें", download: "डाउनलोड", checksums: "चेकसम (SHA-256)", stop: "रोकें", stopText: "जो बना है वह मिट जाएगा।", remove: "फ़ाइल मिटाएँ", removeText: "फिर इसे कोई डाउनलोड नहीं कर सकता।",
    whatTitle: "इसमें क्या है", what: "लीड जैसी आईं, लोग, बातचीत और संदेश उनकी फ़ाइलों के साथ, नोट, काम, सेटिंग, टेम्पलेट, ब्रॉडकास्ट, खर्च का हिसाब और स्टेटमेंट, सहमति, जो इम्पोर्ट हुआ, Meta के वेबहुक जैसे आए, ऑडिट लॉग, और सदस्यों के नाम और पते।",
    formats: "प्रोग्राम के लिए JSON Lines और स्प्रेडशीट के लिए CSV; manifest.json हर फ़ाइल की पंक्तियाँ और चेकसम बताती है। ZIP पढ़ने वाले किसी भी प्रोग्राम से खुलती है।", leftOut: "क्या छोड़ा गया, और क्यों",
  },
})

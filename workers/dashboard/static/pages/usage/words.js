import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Usage", previous: "Month before", next: "Month after", closed: "Closed", open: "Still open",
    total: "Cost of messages", totalHelp: "Amounts are before GST.", meta: "Meta", markup: "Flow", messages: { one: "{n} message", other: "{n} messages" }, charged: "{n} charged", free: "{n} free",
    metaPays: "Meta bills this part to you directly.", review: { one: "{n} message waits for its price", other: "{n} messages wait for their price" },
    reviewHelp: "Meta has not said yet what they cost. They are counted when it does.",
    today: "Spent today", month: "Spent this month", ofCap: "of {cap}", noCap: "No limit", changeCaps: "Change limits", balance: "Balance", held: "{amount} held for messages on their way",
    caps: "Spending limits", capsHelp: "When a limit is reached, greetings, broadcasts and sequences stop. What people write themselves still goes out.",
    daily: "Each day (₹)", monthly: "Each month (₹)", capEmpty: "Empty means no limit.", save: "Save", saved: "Limits saved", amountWrong: "Write an amount in rupees, like 500 or 500.50.",
    byDay: "Day by day", asTable: "As table", asChart: "As chart", day: "Day", cost: "Cost", count: "Messages",
    by: "Split by", category: "Category", number: "Number", template: "Template", agent: "Person", source: "Source of leads", none: "None",
    leads: "Leads", perLead: "Per lead", won: "Won", perWon: "Per won lead",
    allowance: "Free service messages", allowanceOf: "{used} of {limit} used",
    statement: "Statement", download: "Download", pdf: "PDF for the accountant", csv: "CSV for a spreadsheet", taxable: "Taxable", gst: "GST {percent} %", roundOff: "Rounded", sum: "Total", preview: "Preview: the month is not over yet.",
    empty: "No messages in this month", emptyText: "As soon as messages are delivered, what each cost stands here.",
    list: "Messages", listAll: "All messages of the month", more: "Show more", back: "Back", nothing: "No messages match.", unnamed: "Somebody", rate: "Rate {rate}", onlyReview: "Waiting for a price", freeWord: "free", waits: "waits",
    marketing: "Marketing", utility: "Utility", authentication: "Authentication", service: "Service", marketing_lite: "Marketing Lite", authentication_international: "Authentication, international", referral_conversion: "Click-to-WhatsApp",
    needs_review: "To be reviewed", differs: { one: "{n} day differs from Meta's own figures", other: "{n} days differ from Meta's own figures" }, differsText: "Flow compares its ledger with Meta's every night. An administrator can look and note the reason.",
    ours: "Flow", theirs: "Meta", difference: "Difference", note: "What did you find?", noted: "Noted", reviewIt: "Note", seen: "compared {time}",
  },
  hi: {
    title: "खर्च", previous: "पिछला महीना", next: "अगला महीना", closed: "बंद", open: "अभी चालू",
    total: "संदेशों का खर्च", totalHelp: "रकम GST से पहले की है।", meta: "Meta", markup: "Flow", messages: { one: "{n} संदेश", other: "{n} संदेश" }, charged: "{n} शुल्क वाले", free: "{n} मुफ़्त",
    metaPays: "यह हिस्सा Meta सीधे आपसे लेता है।", review: { one: "{n} संदेश की कीमत आनी बाकी है", other: "{n} संदेशों की कीमत आनी बाकी है" },
    reviewHelp: "Meta ने अभी नहीं बताया कि इनका कितना खर्च है। बताते ही ये जुड़ जाएँगे।",
    today: "आज का खर्च", month: "इस महीने का खर्च", ofCap: "{cap} में से", noCap: "कोई सीमा नहीं", changeCaps: "सीमा बदलें", balance: "बैलेंस", held: "रास्ते में संदेशों के लिए {amount} रोके गए हैं",
    caps: "खर्च की सीमा", capsHelp: "सीमा पूरी होने पर अभिवादन, ब्रॉडकास्ट और सीक्वेंस रुक जाते हैं। लोग जो खुद लिखते हैं वह फिर भी जाता है।",
    daily: "हर दिन (₹)", monthly: "हर महीने (₹)", capEmpty: "खाली यानी कोई सीमा नहीं।", save: "सहेजें", saved: "सीमा सहेजी गई", amountWrong: "रुपये में लिखें, जैसे 500 या 500.50।",
    byDay: "दिन के हिसाब से", asTable: "टेबल में", asChart: "चार्ट में", day: "दिन", cost: "खर्च", count: "संदेश",
    by: "इस हिसाब से", category: "श्रेणी", number: "नंबर", template: "टेम्पलेट", agent: "व्यक्ति", source: "लीड का स्रोत", none: "कोई नहीं",
    leads: "लीड", perLead: "प्रति लीड", won: "जीती", perWon: "प्रति जीती लीड",
    allowance: "मुफ़्त सर्विस संदेश", allowanceOf: "{limit} में से {used} इस्तेमाल",
    statement: "विवरण", download: "डाउनलोड", pdf: "अकाउंटेंट के लिए PDF", csv: "स्प्रेडशीट के लिए CSV", taxable: "कर योग्य", gst: "GST {percent} %", roundOff: "पूर्णांक", sum: "कुल", preview: "झलक: महीना अभी पूरा नहीं हुआ।",
    empty: "इस महीने कोई संदेश नहीं", emptyText: "संदेश पहुँचते ही हर एक का खर्च यहाँ दिखेगा।",
    list: "संदेश", listAll: "महीने के सभी संदेश", more: "और दिखाएँ", back: "वापस", nothing: "कोई संदेश नहीं मिला।", unnamed: "कोई", rate: "दर {rate}", onlyReview: "कीमत बाकी", freeWord: "मुफ़्त", waits: "बाकी",
    marketing: "मार्केटिंग", utility: "यूटिलिटी", authentication: "ऑथेंटिकेशन", service: "सर्विस", marketing_lite: "मार्केटिंग लाइट", authentication_international: "ऑथेंटिकेशन, अंतरराष्ट्रीय", referral_conversion: "क्लिक-टू-WhatsApp",
    needs_review: "जाँच बाकी", differs: { one: "{n} दिन Meta के आँकड़ों से अलग है", other: "{n} दिन Meta के आँकड़ों से अलग हैं" }, differsText: "Flow हर रात अपने खाते को Meta से मिलाता है। एडमिन देखकर कारण लिख सकते हैं।",
    ours: "Flow", theirs: "Meta", difference: "अंतर", note: "आपको क्या मिला?", noted: "लिखा गया", reviewIt: "लिखें", seen: "{time} को मिलाया",
  },
})

const CATEGORIES = ["marketing", "utility", "authentication", "service", "marketing_lite", "authentication_international", "referral_conversion", "needs_review"]
/** A category of Meta's in words; one that is new shows as Meta names it. */
export const category = (name) => (CATEGORIES.includes(name) ? t(name) : name)

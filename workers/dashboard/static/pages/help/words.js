// words.js: what the pages Help, and the operators' queue, call things.
import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Help", text: "Write to Flow's support. Your organization's administrators see the ticket as well; nobody else does.", newTicket: "New ticket", none: "You have not asked anything yet", noneText: "Is something unclear, or does it not work? We answer here.", older: "Older", back: "Back", unread: "New answer",
    subject: "Subject", category: "What is it about?", urgency: "How urgent is it?", message: "What happened?", messageHelp: "Please send no passwords, and no names or numbers of customers.", send: "Send", cancel: "Cancel", sent: "Sent: {reference}",
    question: "A question", problem: "Something does not work", whatsapp: "WhatsApp", leads: "Leads", billing: "Billing", privacy: "Data and privacy", other: "Something else",
    low: "Can wait", normal: "Normal", high: "Urgent", urgent: "Nothing works",
    attach: "Send this along", attachHelp: "It helps us to find the cause. This is all of it, no words of you or of customers:", diagnostics: "What was sent along", nothing: "There is nothing to send along.",
    browser: "Browser", os: "System", route: "Page", release: "Version", language: "Language", screen: "Screen", requests: "Requests", traces: "Traces", errors: "Errors", health: "WhatsApp findings",
    state_unconfirmed: "Not confirmed", state_open: "Waits for us", state_waiting_for_us: "Waits for us", state_waiting_for_you: "Answered", state_solved: "Solved", state_closed: "Closed",
    you: "You", support: "Flow's support", opened: "by {name}", former: "a former member", conversation: "Messages", answer: "Your message", again: "Write again", solved: "It is solved", isSolved: "Marked as solved", solvedText: "This ticket is solved. When you write, it is open again.",
    asks: "Flow's support asks to look at your organization because of this ticket: for a time, and without changing anything.", asksOwner: "Only an owner can let it in.", letIn: "Let support look", hours: "For how long", hoursOf: { one: "{n} hour", other: "{n} hours" }, isIn: "Support can look until {time}.", wasIn: "Support could look until {time}.", trust: "All of it on the page Trust", granted: "Support can look",
    gone: "There is no such ticket", goneText: "It may be somebody else's, or it was removed after its time.",
  },
  hi: {
    title: "मदद", text: "Flow के सपोर्ट को लिखें। टिकट आपके संगठन के एडमिन भी देख सकते हैं; और कोई नहीं।", newTicket: "नया टिकट", none: "आपने अभी कुछ नहीं पूछा है", noneText: "कुछ समझ नहीं आया या काम नहीं कर रहा? हम यहीं जवाब देते हैं।", older: "और पुराने", back: "वापस", unread: "नया जवाब",
    subject: "विषय", category: "किस बारे में है?", urgency: "कितना ज़रूरी है?", message: "क्या हुआ?", messageHelp: "कृपया पासवर्ड, या ग्राहकों के नाम और नंबर न भेजें।", send: "भेजें", cancel: "रद्द करें", sent: "भेजा गया: {reference}",
    question: "एक सवाल", problem: "कुछ काम नहीं कर रहा", whatsapp: "WhatsApp", leads: "लीड", billing: "बिलिंग", privacy: "डेटा और गोपनीयता", other: "कुछ और",
    low: "रुक सकता है", normal: "सामान्य", high: "ज़रूरी", urgent: "कुछ भी नहीं चल रहा",
    attach: "यह साथ भेजें", attachHelp: "इससे हमें कारण खोजने में मदद मिलती है। बस इतना ही जाता है, आपके या ग्राहकों के शब्द नहीं:", diagnostics: "साथ क्या भेजा गया", nothing: "साथ भेजने को कुछ नहीं है।",
    browser: "ब्राउज़र", os: "सिस्टम", route: "पेज", release: "वर्शन", language: "भाषा", screen: "स्क्रीन", requests: "रिक्वेस्ट", traces: "ट्रेस", errors: "गड़बड़ियाँ", health: "WhatsApp की जाँच",
    state_unconfirmed: "पुष्टि नहीं हुई", state_open: "हमारे पास है", state_waiting_for_us: "हमारे पास है", state_waiting_for_you: "जवाब आया", state_solved: "सुलझा", state_closed: "बंद",
    you: "आप", support: "Flow का सपोर्ट", opened: "{name} की ओर से", former: "पूर्व सदस्य", conversation: "संदेश", answer: "आपका संदेश", again: "फिर लिखें", solved: "सुलझ गया", isSolved: "सुलझा हुआ माना गया", solvedText: "यह टिकट सुलझ चुका है। आप लिखेंगे तो फिर खुल जाएगा।",
    asks: "इस टिकट के लिए Flow का सपोर्ट आपका संगठन देखना चाहता है: कुछ समय के लिए, बिना कुछ बदले।", asksOwner: "इसकी अनुमति केवल मालिक दे सकते हैं।", letIn: "सपोर्ट को देखने दें", hours: "कितनी देर", hoursOf: { one: "{n} घंटा", other: "{n} घंटे" }, isIn: "सपोर्ट {time} तक देख सकता है।", wasIn: "सपोर्ट {time} तक देख सकता था।", trust: "पूरी जानकारी भरोसा वाले पेज पर", granted: "सपोर्ट अब देख सकता है",
    gone: "ऐसा कोई टिकट नहीं है", goneText: "शायद यह किसी और का है, या समय पूरा होने पर हटा दिया गया।",
  },
})

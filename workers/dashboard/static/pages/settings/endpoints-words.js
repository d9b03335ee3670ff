import { words } from "../../lib/words.js"

export const EVENTS = ["lead.created", "lead.stage_changed", "lead.assigned", "lead.won", "lead.lost", "message.received", "message.status", "contact.opted_out", "conversation.assigned", "task.completed", "number.attention"]

export const t = words({
  en: {
    webhooks: "Webhooks", text: "Flow tells your program what happens: it posts a signed event, with ids and nothing that a customer said. What it does with it is up to you.",
    none: "No webhook endpoint yet", noneText: "Add the address of your program, and choose what it is told.", add: "Add an endpoint", edit: "Edit", save: "Save", cancel: "Cancel", more: "More",
    url: "Address", urlHelp: "https, a public host name, port 443 or above 1023", description: "What is it? (optional)", events: "It is told",
    "lead.created": "New lead", "lead.stage_changed": "Lead moved", "lead.assigned": "Lead assigned", "lead.won": "Lead won", "lead.lost": "Lead lost", "message.received": "Message received", "message.status": "Message sent, delivered, read, failed", "contact.opted_out": "Person opted out", "conversation.assigned": "Conversation assigned", "task.completed": "Task done", "number.attention": "Number needs attention", test: "Test",
    active: "Active", paused: "Paused", disabled: "Off", reason_gone: "Flow switched it off: it answered that it is gone (410).", reason_failing: "Flow switched it off: it took nothing for three days.", reason_no_secret: "Flow switched it off: its secret cannot be opened. Make a new one.",
    failing: "Takes nothing since {time}", delivered: "Last taken {time}", neverDelivered: "Nothing delivered yet", twoSecrets: "old secret until {time}",
    pause: "Pause", resume: "Switch on", rotate: "New secret", rotateText: "Events are signed with both secrets for a day, so nothing is lost while you change it.", remove: "Remove", removeText: "{url} is told nothing any more, and its log goes.",
    secret: "Signing secret", secretText: "Copy it now: it is not shown again. Your program checks each event's signature with it.", kept: "I have it", tested: "A test event is on its way",
    log: "Deliveries", show: "Show", all: "All", state_delivered: "Delivered", state_pending: "Waiting", state_failed: "Given up", reload: "Reload", older: "Older", noDeliveries: "Nothing here",
    status: "Answered {n}", ms: "{n} ms", attempts: { one: "{n} attempt", other: "{n} attempts" }, next: "again {time}", notYet: "Not sent yet", underWay: "Under way", details: "Event {id}", replay: "Send again", replaySince: "Send what it missed in 3 days", queued: { one: "{n} event on its way", other: "{n} events on their way" },
    problem_timeout: "No answer in time", problem_no_connection: "No connection", problem_tls_failed: "Its certificate is not valid", problem_name_unknown: "The name leads nowhere", problem_address_not_allowed: "The name leads to an address that is not public", problem_answer_broken: "The answer was broken", problem_unforeseen: "Flow could not send it",
  },
  hi: {
    webhooks: "वेबहुक", text: "जो होता है, Flow आपके प्रोग्राम को बताता है: हस्ताक्षर के साथ एक घटना भेजता है, सिर्फ़ ids, ग्राहक की कोई बात नहीं। आगे क्या करना है, आप तय करें।",
    none: "अभी कोई वेबहुक पता नहीं", noneText: "अपने प्रोग्राम का पता डालें और चुनें कि उसे क्या बताया जाए।", add: "पता जोड़ें", edit: "बदलें", save: "सहेजें", cancel: "रद्द करें", more: "और",
    url: "पता", urlHelp: "https, सार्वजनिक नाम, पोर्ट 443 या 1023 से ऊपर", description: "यह क्या है? (ज़रूरी नहीं)", events: "इसे बताया जाए",
    "lead.created": "नई लीड", "lead.stage_changed": "लीड का चरण बदला", "lead.assigned": "लीड सौंपी गई", "lead.won": "लीड जीती", "lead.lost": "लीड हारी", "message.received": "संदेश आया", "message.status": "संदेश भेजा, पहुँचा, पढ़ा, नहीं गया", "contact.opted_out": "किसी ने मना किया", "conversation.assigned": "बातचीत सौंपी गई", "task.completed": "काम पूरा", "number.attention": "नंबर पर ध्यान दें", test: "जाँच",
    active: "चालू", paused: "रुका", disabled: "बंद", reason_gone: "Flow ने बंद किया: जवाब मिला कि अब यहाँ कोई नहीं (410)।", reason_failing: "Flow ने बंद किया: तीन दिन से कुछ नहीं लिया।", reason_no_secret: "Flow ने बंद किया: इसका secret नहीं खुलता। नया बनाएँ।",
    failing: "{time} से कुछ नहीं ले रहा", delivered: "आखिरी बार {time} को लिया", neverDelivered: "अभी कुछ नहीं भेजा गया", twoSecrets: "पुराना secret {time} तक",
    pause: "रोकें", resume: "चालू करें", rotate: "नया secret", rotateText: "एक दिन तक घटनाओं पर दोनों secret के हस्ताक्षर रहेंगे, ताकि बदलते समय कुछ न छूटे।", remove: "हटाएँ", removeText: "{url} को अब कुछ नहीं बताया जाएगा, और उसका लॉग मिट जाएगा।",
    secret: "हस्ताक्षर का secret", secretText: "अभी कॉपी करें: यह फिर नहीं दिखेगा। आपका प्रोग्राम इससे हर घटना के हस्ताक्षर जाँचता है।", kept: "मैंने रख लिया", tested: "जाँच की घटना भेजी जा रही है",
    log: "भेजी गई घटनाएँ", show: "दिखाएँ", all: "सभी", state_delivered: "पहुँची", state_pending: "इंतज़ार में", state_failed: "छोड़ दी", reload: "फिर लोड करें", older: "और पुरानी", noDeliveries: "यहाँ कुछ नहीं",
    status: "जवाब {n}", ms: "{n} ms", attempts: { one: "{n} कोशिश", other: "{n} कोशिशें" }, next: "फिर {time}", notYet: "अभी नहीं भेजी", underWay: "जा रही है", details: "घटना {id}", replay: "फिर भेजें", replaySince: "3 दिन में जो छूटा, भेजें", queued: { one: "{n} घटना भेजी जा रही है", other: "{n} घटनाएँ भेजी जा रही हैं" },
    problem_timeout: "समय पर जवाब नहीं", problem_no_connection: "संपर्क नहीं हुआ", problem_tls_failed: "उसका सर्टिफ़िकेट सही नहीं", problem_name_unknown: "नाम कहीं नहीं पहुँचाता", problem_address_not_allowed: "नाम किसी गैर-सार्वजनिक पते पर जाता है", problem_answer_broken: "जवाब टूटा हुआ था", problem_unforeseen: "Flow भेज नहीं पाया",
  },
})

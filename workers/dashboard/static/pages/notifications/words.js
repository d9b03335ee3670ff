import { words } from "../../lib/words.js"

export const t = words({
  en: {
    notifications: "Notifications", all: "All", onlyUnread: "Unread", readAll: "Mark all as read", choices: "How you are told", older: "Older", tryAgain: "Try again",
    none: "Nothing yet", noneText: "Here you are told of new messages and leads, when a task is due, when somebody gives you a lead or a task, and when a colleague mentions you in a note.", noneUnread: "All read",
    flow: "Flow", somebody: "Somebody who left", unread: "Unread", gone: "something that is gone", unnamed: "No name",
    task_due: "Due: {title}", task_assigned: "{who} gave you a task: {title}", lead_assigned: { one: "{who} gave you a lead: {title}", other: "{who} gave you {n} leads" }, mention: "{who} mentioned you in a note", ticket_answered: "Flow's support has answered you", ticket_access: "Flow's support asks to look at your organization", due: "due {time}",
    webhook_disabled: "Flow switched off a webhook endpoint that takes nothing",
    billing_past_due: "A payment for Flow failed; it is tried again", billing_halted: "Payments for Flow failed: a week is left to settle it", billing_suspended: "Flow is suspended: nothing is sent until the payment is settled", billing_cancelled: "The subscription was ended for lack of payment", billing_deletion: "Nothing was paid for 90 days: the data may be deleted soon", billing_invoice: "There is a new invoice for messages",
    new_message: { one: "New message: {title}", other: "{n} new messages: {title}" }, new_lead: { one: "New lead: {title}", other: "{n} new leads" }, number_needs_attention: "A WhatsApp number needs attention",
    many: { one: "{n} new notification", other: "{n} new notifications" },
  },
  hi: {
    notifications: "सूचनाएँ", all: "सभी", onlyUnread: "बिना पढ़ी", readAll: "सबको पढ़ी हुई करें", choices: "आपको कैसे बताया जाए", older: "पुरानी", tryAgain: "फिर कोशिश करें",
    none: "अभी कुछ नहीं", noneText: "नए संदेश और लीड आने पर, जब किसी काम का समय हो, कोई आपको लीड या काम सौंपे, या कोई साथी नोट में आपका नाम ले, तो यहाँ बताया जाएगा।", noneUnread: "सब पढ़ ली हैं",
    flow: "Flow", somebody: "जो टीम छोड़ चुके", unread: "बिना पढ़ी", gone: "जो अब नहीं है", unnamed: "नाम नहीं",
    task_due: "समय हो गया: {title}", task_assigned: "{who} ने आपको काम सौंपा: {title}", lead_assigned: { one: "{who} ने आपको लीड सौंपी: {title}", other: "{who} ने आपको {n} लीड सौंपीं" }, mention: "{who} ने नोट में आपका नाम लिया", ticket_answered: "Flow के सपोर्ट ने आपको जवाब दिया है", ticket_access: "Flow का सपोर्ट आपका संगठन देखने की अनुमति माँग रहा है", due: "{time} तक",
    webhook_disabled: "Flow ने एक वेबहुक पता बंद किया, जो कुछ नहीं लेता",
    billing_past_due: "Flow का भुगतान नहीं हुआ; फिर कोशिश होगी", billing_halted: "Flow के भुगतान नहीं हुए: निपटाने को एक हफ़्ता बाकी है", billing_suspended: "Flow रुका है: भुगतान होने तक कुछ नहीं भेजा जाएगा", billing_cancelled: "भुगतान न होने से सदस्यता खत्म हुई", billing_deletion: "90 दिन से भुगतान नहीं हुआ: डेटा जल्द मिटाया जा सकता है", billing_invoice: "संदेशों का नया इनवॉइस आया है",
    new_message: { one: "नया संदेश: {title}", other: "{n} नए संदेश: {title}" }, new_lead: { one: "नई लीड: {title}", other: "{n} नई लीड" }, number_needs_attention: "एक WhatsApp नंबर पर ध्यान दें",
    many: { one: "{n} नई सूचना", other: "{n} नई सूचनाएँ" },
  },
})

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "How it went", later: "{time} later", heard: "Meta told it {time} later", code: "Code {code}", reason: "Reason: {reason}", way_pull: "Fetched", way_push: "Pushed", due: "For {time}", http: "HTTP {status} in {ms} ms",
    dead: { one: "{n} part failed", other: "{n} parts failed" }, message: "Message", lead: "Lead", webhook: "Webhook {id}", more: "Step by step",
    by_customer: "Customer", by_rule: "A rule", by_broadcast: "A broadcast", by_sequence: "A sequence", by_operator: "A program", by_phone: "WhatsApp Business app", by_meta: "Meta", by_job: "Flow", by_indiamart: "IndiaMART", by_sheet: "Google Sheets",
    by_form: "Enquiry form", by_api: "A program", by_manual: "By hand", by_upload: "A file", by_whatsapp: "WhatsApp", by_left: "Somebody who left",
    written: "Written", received: "Received", verified: "Signature checked", stored: "Stored", applied: "Applied", applied_again: "Applied again", failed: "Failed", queued: "Put in the queue", scheduled: "Scheduled", called: "Handed to Meta",
    sent: "Sent", delivered: "Delivered", read: "Read", played: "Played", sent_again: "Sent again", file_stored: "File stored", assigned: "Assigned", moved: "Moved to another stage", won: "Won", lost: "Lost", reopened: "Reopened", valued: "Value set",
    tagged: "Tag added", untagged: "Tag taken off", fields_set: "Fields filled in", undone: "Change undone", greeting_queued: "Greeting queued", greeting_scheduled: "Greeting scheduled", greeting_skipped: "Not greeted",
    conflicting_copy: "Another copy came that differs", contact_changed: "Contact changed", contact_merged: "Contacts merged", contact_unmerged: "Merge undone", task_added: "Task added", task_changed: "Task changed", task_done: "Task done",
    task_cancelled: "Task cancelled", task_reopened: "Task reopened", task_handed_back: "Task handed back",
  },
  hi: {
    title: "क्या-क्या हुआ", later: "{time} बाद", heard: "Meta ने {time} बाद बताया", code: "कोड {code}", reason: "वजह: {reason}", way_pull: "Flow ने मँगाया", way_push: "पुश से आया", due: "{time} के लिए", http: "HTTP {status}, {ms} ms में",
    dead: { one: "{n} हिस्सा असफल", other: "{n} हिस्से असफल" }, message: "मैसेज", lead: "लीड", webhook: "वेबहुक {id}", more: "एक-एक कदम",
    by_customer: "ग्राहक", by_rule: "नियम", by_broadcast: "ब्रॉडकास्ट", by_sequence: "सीक्वेंस", by_operator: "प्रोग्राम", by_phone: "WhatsApp Business ऐप", by_meta: "Meta", by_job: "Flow", by_indiamart: "IndiaMART", by_sheet: "Google Sheets",
    by_form: "पूछताछ फ़ॉर्म", by_api: "प्रोग्राम", by_manual: "हाथ से", by_upload: "फ़ाइल", by_whatsapp: "WhatsApp", by_left: "जो अब टीम में नहीं",
    written: "लिखा गया", received: "मिला", verified: "सिग्नेचर जाँचा", stored: "सहेजा गया", applied: "लागू हुआ", applied_again: "फिर लागू हुआ", failed: "असफल", queued: "कतार में आया", scheduled: "समय तय हुआ", called: "Meta को दिया",
    sent: "भेजा गया", delivered: "पहुँचा", read: "पढ़ा गया", played: "सुना गया", sent_again: "फिर भेजा", file_stored: "फ़ाइल सहेजी", assigned: "सौंपा गया", moved: "दूसरे स्टेज में गया", won: "जीता", lost: "हारा", reopened: "फिर खुला", valued: "कीमत भरी",
    tagged: "टैग लगा", untagged: "टैग हटा", fields_set: "जानकारी भरी", undone: "बदलाव वापस", greeting_queued: "स्वागत संदेश कतार में", greeting_scheduled: "स्वागत संदेश तय", greeting_skipped: "स्वागत नहीं हुआ",
    conflicting_copy: "अलग कॉपी आई", contact_changed: "संपर्क बदला", contact_merged: "संपर्क मिलाए गए", contact_unmerged: "मिलाना वापस", task_added: "काम जुड़ा", task_changed: "काम बदला", task_done: "काम पूरा",
    task_cancelled: "काम रद्द", task_reopened: "काम फिर खुला", task_handed_back: "काम लौटाया",
  },
})

/** Whom a step names: those that have words here. */
export const WHO = ["customer", "rule", "broadcast", "sequence", "operator", "phone", "meta", "job", "indiamart", "sheet", "form", "api", "manual", "upload", "whatsapp"]

export const STEPS = [
  "written", "received", "verified", "stored", "applied", "applied_again", "failed", "queued", "scheduled", "called", "sent", "delivered", "read", "played", "sent_again", "file_stored", "assigned", "moved", "won", "lost", "reopened", "valued", "tagged", "untagged",
  "fields_set", "undone", "greeting_queued", "greeting_scheduled", "greeting_skipped", "conflicting_copy", "contact_changed", "contact_merged", "contact_unmerged", "task_added", "task_changed", "task_done", "task_cancelled", "task_reopened", "task_handed_back",
]

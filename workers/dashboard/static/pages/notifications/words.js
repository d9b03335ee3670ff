import { words } from "../../lib/words.js"

export const t = words({
  en: {
    notifications: "Notifications", all: "All", onlyUnread: "Unread", readAll: "Mark all as read", choices: "How you are told", older: "Older", tryAgain: "Try again",
    none: "Nothing yet", noneText: "Here you are told when a task is due, when somebody gives you a lead or a task, and when a colleague mentions you in a note.", noneUnread: "All read",
    flow: "Flow", somebody: "Somebody who left", unread: "Unread", gone: "something that is gone", unnamed: "No name",
    task_due: "Due: {title}", task_assigned: "{who} gave you a task: {title}", lead_assigned: { one: "{who} gave you a lead: {title}", other: "{who} gave you {n} leads" }, mention: "{who} mentioned you in a note", due: "due {time}",
    many: { one: "{n} new notification", other: "{n} new notifications" },
  },
  hi: {
    notifications: "सूचनाएँ", all: "सभी", onlyUnread: "बिना पढ़ी", readAll: "सबको पढ़ी हुई करें", choices: "आपको कैसे बताया जाए", older: "पुरानी", tryAgain: "फिर कोशिश करें",
    none: "अभी कुछ नहीं", noneText: "जब किसी काम का समय हो, कोई आपको लीड या काम सौंपे, या कोई साथी नोट में आपका नाम ले, तो यहाँ बताया जाएगा।", noneUnread: "सब पढ़ ली हैं",
    flow: "Flow", somebody: "जो टीम छोड़ चुके", unread: "बिना पढ़ी", gone: "जो अब नहीं है", unnamed: "नाम नहीं",
    task_due: "समय हो गया: {title}", task_assigned: "{who} ने आपको काम सौंपा: {title}", lead_assigned: { one: "{who} ने आपको लीड सौंपी: {title}", other: "{who} ने आपको {n} लीड सौंपीं" }, mention: "{who} ने नोट में आपका नाम लिया", due: "{time} तक",
    many: { one: "{n} नई सूचना", other: "{n} नई सूचनाएँ" },
  },
})

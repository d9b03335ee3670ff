import { words } from "../../lib/words.js"

/** What an erasure takes, in the order in which it is shown. */
export const KINDS = ["messages", "files", "notes", "leads", "activities", "tasks", "waiting", "sequences", "broadcasts", "import_rows", "webhooks", "dead_letters", "audit", "merged"]

export const t = words({
  en: {
    erase: "Erase this person…", title: "Erase {name}?", action: "Erase this person", keep: "Do not erase", somebody: "this person",
    text: "For people who ask to be forgotten. From now on nothing goes to them, and no file or marketplace brings them back. After 24 hours everything that tells of them goes for ever.",
    stays: "What stays names nobody: that there were messages, when and at what cost, and deals with their stage, value and times. If they write again, they are met as somebody new.",
    goes: "What goes", nothing: "There is nothing but the name.",
    messages: "Messages", files: "Files", notes: "Notes", leads: "Leads", activities: "Entries in timelines", tasks: "Tasks", waiting: "Messages that wait", sequences: "Sequences", broadcasts: "Broadcasts", import_rows: "Rows of imported files", webhooks: "Stored webhooks", dead_letters: "Failed webhooks", audit: "Values in the audit log", merged: "Contacts merged with them",
    mentions: "Mentioned elsewhere", mentionsText: "These stay. Look at them yourself and change what should not be there.", note: "Note", lead_note: "Note on a lead", task: "Task",
    waits: "This person will be erased: {time}", waitsText: "Until then nothing is sent to them. Everything goes then: names, numbers, messages, files.", undo: "Keep them after all", undone: "The erasure is taken back",
    asked: "This person will be erased in 24 hours", erased: "Erased contact", erasedText: "Erased at their wish on {day}. Only times, stages and costs are left. If they write again, they are somebody new here.",
  },
  hi: {
    erase: "इस व्यक्ति को मिटाएँ…", title: "{name} को मिटाएँ?", action: "व्यक्ति को मिटाएँ", keep: "न मिटाएँ", somebody: "इस व्यक्ति",
    text: "उन लोगों के लिए जो चाहते हैं कि उन्हें भुला दिया जाए। अब से उन्हें कुछ नहीं भेजा जाएगा, और कोई फ़ाइल या मार्केटप्लेस उन्हें वापस नहीं लाएगा। 24 घंटे बाद उनके बारे में सब कुछ हमेशा के लिए मिट जाएगा।",
    stays: "जो रहता है उसमें किसी का नाम नहीं: कि संदेश थे, कब और कितने खर्च पर, और सौदे अपने चरण, रकम और समय के साथ। वे फिर लिखें तो नए व्यक्ति माने जाएँगे।",
    goes: "क्या मिटेगा", nothing: "नाम के सिवा कुछ नहीं है।",
    messages: "संदेश", files: "फ़ाइलें", notes: "नोट", leads: "लीड", activities: "टाइमलाइन की प्रविष्टियाँ", tasks: "काम", waiting: "रुके हुए संदेश", sequences: "सीक्वेंस", broadcasts: "ब्रॉडकास्ट", import_rows: "इम्पोर्ट की गई फ़ाइलों की पंक्तियाँ", webhooks: "रखे हुए वेबहुक", dead_letters: "असफल वेबहुक", audit: "ऑडिट लॉग के मान", merged: "इनमें मिलाए गए संपर्क",
    mentions: "और कहाँ ज़िक्र है", mentionsText: "ये रहेंगे। इन्हें खुद देखें और जो नहीं रहना चाहिए उसे बदलें।", note: "नोट", lead_note: "लीड पर नोट", task: "काम",
    waits: "यह व्यक्ति मिटाया जाएगा: {time}", waitsText: "तब तक इन्हें कुछ नहीं भेजा जाएगा। तब सब मिट जाएगा: नाम, नंबर, संदेश, फ़ाइलें।", undo: "फिर भी रखें", undone: "मिटाना वापस लिया गया",
    asked: "यह व्यक्ति 24 घंटे में मिटाया जाएगा", erased: "मिटाया गया संपर्क", erasedText: "इनकी इच्छा पर {day} को मिटाया गया। केवल समय, चरण और खर्च बचे हैं। वे फिर लिखें तो यहाँ नए व्यक्ति होंगे।",
  },
})

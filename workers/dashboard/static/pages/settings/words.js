import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Settings", choose: "Choose what to look at", back: "Back to settings", save: "Save", saved: "Saved", cancel: "Cancel", adminsOnly: "Administrators can change this.",
    organization: "Organization", team: "Team", whatsapp: "WhatsApp", messaging: "Sending and consent", replies: "Quick replies", indiamart: "IndiaMART", sheets: "Google Sheets", forms: "Enquiry forms", developers: "Developers", log: "Sync log", privacy: "Audit log and deletion", export: "Export", account: "Your account",
    hours: "Working hours", assignment: "Who gets new leads", notifications: "Notifications",
    consent: "Consent log", recorded: "What Flow records", retention: "How long data is kept", access: "Token use",
    group_business: "Business", group_people: "People", group_channels: "Channels", group_data: "Data and privacy",
    name: "Name of the business", zone: "Time zone", country: "Country", leave: "Leave this organization", leaveText: "You will no longer see anything of {name}. A colleague can invite you again.", leaveAction: "Leave",
    roleHelp: "Owners can do everything. Administrators connect, invite and set up. Agents work with leads and conversations.",
    owner: "Owner", admin: "Administrator", agent: "Agent", you: "you", since: "since {day}", role: "Role", remove: "Remove from the team", removeText: "{name} loses access at once, on every device. What they wrote stays.", removeAction: "Remove", handOver: "Make owner and step down", handOverText: "{name} becomes owner and you become administrator.", handOverAction: "Hand over",
    invite: "Invite a colleague", inviteAction: "Make an invitation", email: "E-mail", invited: "Send this link to {email}. It works once, for that address, until {day}.", open: "Open invitations", until: "until {day}", revoke: "Withdraw", none: "No open invitations.", again: "New link", invitationLink: "Link of the invitation", removed: "Removed", revoked: "Withdrawn",
  },
  hi: {
    title: "सेटिंग", choose: "चुनें कि क्या देखना है", back: "सेटिंग पर वापस", save: "सहेजें", saved: "सहेजा गया", cancel: "रद्द करें", adminsOnly: "इसे एडमिन बदल सकते हैं।",
    organization: "संगठन", team: "टीम", whatsapp: "WhatsApp", messaging: "भेजना और सहमति", replies: "झटपट जवाब", indiamart: "IndiaMART", sheets: "Google Sheets", forms: "पूछताछ फ़ॉर्म", developers: "डेवलपर", log: "सिंक लॉग", privacy: "ऑडिट लॉग और डेटा मिटाना", export: "डेटा एक्सपोर्ट", account: "आपका खाता",
    hours: "काम के घंटे", assignment: "नई लीड किसे मिले", notifications: "सूचनाएँ",
    consent: "सहमति का लॉग", recorded: "Flow क्या दर्ज करता है", retention: "डेटा कब तक रहे", access: "टोकन का इस्तेमाल",
    group_business: "व्यवसाय", group_people: "लोग", group_channels: "चैनल", group_data: "डेटा और गोपनीयता",
    name: "व्यवसाय का नाम", zone: "समय क्षेत्र", country: "देश", leave: "यह संगठन छोड़ें", leaveText: "आपको {name} का कुछ भी नहीं दिखेगा। कोई साथी आपको फिर से बुला सकता है।", leaveAction: "छोड़ें",
    roleHelp: "मालिक सब कुछ कर सकते हैं। एडमिन जोड़ते, बुलाते और सेट करते हैं। एजेंट लीड और बातचीत पर काम करते हैं।",
    owner: "मालिक", admin: "एडमिन", agent: "एजेंट", you: "आप", since: "{day} से", role: "भूमिका", remove: "टीम से हटाएँ", removeText: "{name} की पहुँच हर डिवाइस पर तुरंत बंद हो जाएगी। उनका लिखा हुआ रहेगा।", removeAction: "हटाएँ", handOver: "मालिक बनाएँ और खुद हटें", handOverText: "{name} मालिक बनेंगे और आप एडमिन।", handOverAction: "सौंपें",
    invite: "साथी को बुलाएँ", inviteAction: "बुलावा बनाएँ", email: "ई-मेल", invited: "यह लिंक {email} को भेजें। यह एक बार, उसी पते के लिए, {day} तक चलेगा।", open: "खुले बुलावे", until: "{day} तक", revoke: "वापस लें", none: "कोई खुला बुलावा नहीं।", again: "नया लिंक", invitationLink: "बुलावे का लिंक", removed: "हटाया गया", revoked: "वापस लिया गया",
  },
})

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Getting started", progress: { one: "{n} of 4 steps done", other: "{n} of 4 steps done" }, allDone: "Everything is set up. Good business!", done: "Done", adminsDo: "An administrator of your organization does this.",
    whatsapp: "Connect WhatsApp", whatsappText: "The number that customers write to.", connect: "Connect",
    leads: "Bring in your leads", leadsText: "IndiaMART's enquiries by themselves, or a file, or by hand.",
    greeting: "Choose a greeting", greetingText: "The template that each new lead gets within seconds.", choose: "Choose",
    team: "Invite your team", teamText: "Everybody answers from one inbox, and sees who answered.", invite: "Invite",
    sample: "Try it on your own phone", sampleText: "A sample lead with your number gets the greeting, as a real one would. It costs what a template costs.", sampleName: "Sample lead", sampleProduct: "Sample product", myPhone: "Your mobile number", mine: "This is my own number", tryIt: "Send me the greeting", sampleSent: "The greeting is on its way to your phone.", look: "Look",
  },
  hi: {
    title: "शुरुआत", progress: { one: "4 में से {n} कदम पूरा", other: "4 में से {n} कदम पूरे" }, allDone: "सब कुछ तैयार है। शुभ व्यापार!", done: "पूरा", adminsDo: "यह आपके संगठन के एडमिन करते हैं।",
    whatsapp: "WhatsApp जोड़ें", whatsappText: "वह नंबर जिस पर ग्राहक लिखते हैं।", connect: "जोड़ें",
    leads: "अपनी लीड लाएँ", leadsText: "IndiaMART की पूछताछ अपने-आप, या फ़ाइल से, या हाथ से।",
    greeting: "अभिवादन चुनें", greetingText: "वह टेम्पलेट जो हर नई लीड को कुछ सेकंड में मिलता है।", choose: "चुनें",
    team: "टीम को बुलाएँ", teamText: "सब एक इनबॉक्स से जवाब देते हैं, और दिखता है किसने दिया।", invite: "बुलाएँ",
    sample: "अपने फ़ोन पर आज़माएँ", sampleText: "आपके नंबर वाली नमूना लीड को असली की तरह अभिवादन मिलेगा। इसका खर्च एक टेम्पलेट जितना है।", sampleName: "नमूना लीड", sampleProduct: "नमूना उत्पाद", myPhone: "आपका मोबाइल नंबर", mine: "यह मेरा अपना नंबर है", tryIt: "मुझे अभिवादन भेजें", sampleSent: "अभिवादन आपके फ़ोन की ओर चल पड़ा है।", look: "देखें",
  },
})

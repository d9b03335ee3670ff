import { words } from "../../lib/words.js"

export const t = words({
  en: {
    support: "Flow's people see nothing of yours", supportText: "Unless an owner lets them in: for hours, to look only, and each visit stands in the audit log.", supportOpen: "Support can look. Ends: {time}", supportOpenText: "They can look and change nothing. “{reason}”",
    closed: "closed", isOpen: "open", letIn: "Let support look", endNow: "End it now", ended: "Support is out.", letInText: "Flow's support can look at what an agent sees, and change nothing. It ends by itself; you can end it earlier.", hours: "For how long", hoursOf: { one: "{n} hour", other: "{n} hours" }, reason: "What they are to look at", reasonHelp: "They see these words.", granted: "Support can look now.", cancel: "Cancel",
    before: "Earlier", none: "Support has never been let in.", grant: "{from} to {to}", looked: "{name} looked, {time}", nobodyLooked: "Nobody looked",
    exports: "Take everything with you", exportsText: "An owner can export all leads, messages and the ledger at any time.", exportLast: "last: {time}", exportNone: "none so far",
    clearing: "Old things are cleared out", clearingText: "Meta's raw updates go after 30 days, the record of who used a token after a year.", clearingRan: { one: "{n} row went in two days.", other: "{n} rows went in two days." }, clearingFailed: "The last clearing out failed. Tell whoever runs your Flow.", clearingOld: "Nothing was cleared out for two days. It should run by itself every night.", ran: "last: {time}",
    deletion: "Deleted means deleted", deletionText: "A business that leaves is gone within 30 days, and gets a certificate. None is late.", deletionLate: "A deletion is late: the 30 days are nearly over.", late: "{n} late", privacy: "Audit log and deletion", export: "Export", retention: "How long data is kept", held: "A legal hold stands: nothing is removed.",
    why: "What for", gets: "What they get", where: "Where", othersText: "Nobody else. Each gets only what its task needs.",
    supabase: "The database itself, sign-in and files", supabaseGets: "Everything that Flow stores; tokens and keys only encrypted.", supabaseWhere: "The region that the operator chose for the project",
    meta: "Sends and receives your WhatsApp messages", metaGets: "The customer's phone number, and what you send them: texts, files, templates with what is filled in.", metaWhere: "Meta's Cloud API",
    indiamart: "Brings your enquiries", indiamartGets: "Your IndiaMART key and the hours asked for. Nothing about your customers.", indiamartWhere: "India",
    google: "Sign-in with Google; a sheet, if you connect one", googleGets: "Nothing goes there: Flow receives name, e-mail and picture, and reads the one sheet you chose.", googleWhere: "Google's data centres",
    razorpay: "Payment of your subscription", razorpayGets: "Name and e-mail of who pays, and the amount. Card details go from your browser to Razorpay; Flow never sees them.", razorpayWhere: "India",
  },
  hi: {
    support: "Flow के लोग आपका कुछ नहीं देख सकते", supportText: "जब तक कोई मालिक न आने दे: कुछ घंटों के लिए, केवल देखने को, और हर बार ऑडिट लॉग में दर्ज होता है।", supportOpen: "सपोर्ट {time} तक देख सकता है", supportOpenText: "वे देख सकते हैं, कुछ बदल नहीं सकते। “{reason}”",
    closed: "बंद", isOpen: "खुला", letIn: "सपोर्ट को देखने दें", endNow: "अभी खत्म करें", ended: "सपोर्ट की पहुँच खत्म हुई।", letInText: "Flow का सपोर्ट वह देख सकेगा जो एजेंट देखता है, और कुछ बदल नहीं सकेगा। यह अपने आप खत्म होता है; आप पहले भी खत्म कर सकते हैं।", hours: "कितनी देर के लिए", hoursOf: { one: "{n} घंटा", other: "{n} घंटे" }, reason: "उन्हें क्या देखना है", reasonHelp: "ये शब्द उन्हें दिखेंगे।", granted: "सपोर्ट अब देख सकता है।", cancel: "रद्द करें",
    before: "पहले", none: "सपोर्ट को कभी नहीं आने दिया गया।", grant: "{from} से {to}", looked: "{name} ने देखा, {time}", nobodyLooked: "किसी ने नहीं देखा",
    exports: "सब कुछ साथ ले जाएँ", exportsText: "मालिक सभी लीड, संदेश और खाता-बही कभी भी एक्सपोर्ट कर सकते हैं।", exportLast: "पिछला: {time}", exportNone: "अब तक कोई नहीं",
    clearing: "पुरानी चीज़ें हटती रहती हैं", clearingText: "Meta के मूल अपडेट 30 दिन बाद हट जाते हैं, टोकन किसने इस्तेमाल किया इसका रिकॉर्ड एक साल बाद।", clearingRan: { one: "दो दिन में {n} पंक्ति हटी।", other: "दो दिन में {n} पंक्तियाँ हटीं।" }, clearingFailed: "पिछली सफ़ाई नहीं हो पाई। अपना Flow चलाने वाले को बताएँ।", clearingOld: "दो दिन से सफ़ाई नहीं हुई। यह हर रात अपने आप होनी चाहिए।", ran: "पिछली: {time}",
    deletion: "मिटाया यानी मिट गया", deletionText: "जो व्यवसाय छोड़कर जाता है उसका डेटा 30 दिन में मिट जाता है, और प्रमाण-पत्र मिलता है। कोई देर नहीं है।", deletionLate: "एक व्यवसाय मिटाने में देर हो रही है: 30 दिन पूरे होने वाले हैं।", late: "{n} देर से", privacy: "ऑडिट लॉग और डेटा मिटाना", export: "डेटा एक्सपोर्ट", retention: "डेटा कब तक रहे", held: "कानूनी रोक लगी है: कुछ नहीं हटाया जाता।",
    why: "किसलिए", gets: "उन्हें क्या मिलता है", where: "कहाँ", othersText: "और किसी को नहीं। हर किसी को बस उतना मिलता है जितना उसके काम को चाहिए।",
    supabase: "डेटाबेस, साइन इन और फ़ाइलें", supabaseGets: "Flow जो कुछ रखता है वह सब; टोकन और key केवल एन्क्रिप्ट।", supabaseWhere: "जो क्षेत्र ऑपरेटर ने प्रोजेक्ट के लिए चुना",
    meta: "आपके WhatsApp संदेश भेजता और पाता है", metaGets: "ग्राहक का फ़ोन नंबर, और जो आप उन्हें भेजते हैं: टेक्स्ट, फ़ाइलें, और भरे हुए टेम्पलेट।", metaWhere: "Meta का Cloud API",
    indiamart: "आपकी पूछताछ लाता है", indiamartGets: "आपकी IndiaMART key और माँगे गए घंटे। आपके ग्राहकों के बारे में कुछ नहीं।", indiamartWhere: "भारत",
    google: "Google से साइन इन; और शीट, अगर आप जोड़ें", googleGets: "वहाँ कुछ नहीं जाता: Flow को नाम, ई-मेल और तस्वीर मिलती है, और वह केवल आपकी चुनी शीट पढ़ता है।", googleWhere: "Google के डेटा सेंटर",
    razorpay: "आपकी सदस्यता का भुगतान", razorpayGets: "भुगतान करने वाले का नाम, ई-मेल और रकम। कार्ड की जानकारी आपके ब्राउज़र से सीधे Razorpay को जाती है; Flow उसे कभी नहीं देखता।", razorpayWhere: "भारत",
  },
})

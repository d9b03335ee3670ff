import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Trust", intro: "What Flow promises {name}, and how it stands just now. Nothing here is a claim: each line is read from the running database.",
    allWell: "Everything holds", allWellText: "{n} points were looked at just now.", look: { one: "{n} point needs a look", other: "{n} points need a look" }, broken: { one: "{n} promise does not hold", other: "{n} promises do not hold" }, lookText: "They are marked below, with what to do.",
    good: "In order", warn: "Needs a look", bad: "Not in order", none: "For your information",
    apart: "Kept apart from every other business", sealed: "Tokens and connections", control: "In your hands", others: "Who else gets data, and what",
    isolation: "No other business can reach yours",
    isolationGood: "A stranger was let loose on {tables} tables, {with_rows} of them with something to take, and on {functions} functions: {attempts} attempts to read, add, change and remove. None came through.",
    isolationBad: { one: "{n} attempt of {attempts} came through. Tell whoever runs your Flow at once.", other: "{n} of {attempts} attempts came through. Tell whoever runs your Flow at once." },
    isolationOld: "The last check is older than two days. It should run by itself every night.", isolationNever: "Not checked yet. It runs by itself every night; an owner can start it now.",
    isolationHow: "The check makes a second business for a moment, attacks yours with it, and takes all of it back. Nothing of yours is read out or changed.",
    checked: "Last check: {time}, in {ms} ms, {who}.", byOwner: "by an owner", byNight: "by itself", checkNow: "Check now", checking: "Trying every table…", nothingCame: "Nothing came through: {n} attempts, none succeeded.", cameThrough: "{n} attempts came through",
    what_read: "could read", what_add: "could add", what_change: "could change", what_remove: "could remove", what_refer: "could refer to", what_call: "could call", who_member: "another business", who_anon: "somebody without a session",
    rls: "Every table guards its rows", rlsText: "Postgres itself decides for each row who may see it, whatever the programs in front of it do.", rlsBad: "Some tables are not guarded.",
    anon: "Closed to whoever is not signed in", anonText: "Without a session no table can be read and no function called.", anonBad: "Something is open to people who are not signed in.",
    ofTables: "{n} of {all} tables", leaks: { one: "{n} leak", other: "{n} leaks" }, open: { one: "{n} open", other: "{n} open" },
    keys: "Tokens and keys are sealed", keysText: "Your Meta tokens and IndiaMART keys are encrypted with AES-256. Key version {n} is in use since {date}.", keysNone: "You have not entrusted a token or key to Flow yet. When you do, it is encrypted with AES-256 before it is stored.", keysBroken: { one: "{n} token no longer opens. Connect that account again.", other: "{n} tokens no longer open. Connect those accounts again." }, keysOld: "Key version {n} is in use since {date}, for longer than a year. The operator should renew it.",
    sealedCount: { one: "{n} sealed", other: "{n} sealed" },
    uses: "Who used your tokens", usesText: "A token is opened in memory only, for one piece of work. Each time is counted.", usesTimes: { one: "{n} time in 30 days", other: "{n} times in 30 days" }, usesNone: "Not opened in 30 days.", usesLast: "last: {time}", usesShow: "See what for",
    webhooks: "Only Meta's own updates are believed", webhooksText: "An update without Meta's signature is refused before anything of it is read. Refused updates are not counted: the time is that of the last genuine one.", access: "Token use", webhooksLast: "last: {time}", webhooksNone: "none yet",
    address: "Connections are encrypted", addressHttps: "All traffic is TLS; plain http is refused.", addressLoopback: "This Flow runs on one machine. As soon as it has a public address, only TLS is taken.", addressUnknown: "The database has not been told where Flow's programs are.",
  },
  hi: {
    title: "भरोसा", intro: "Flow ने {name} से जो वादे किए हैं, वे इस समय किस हाल में हैं। यहाँ कोई दावा नहीं है: हर बात चालू डेटाबेस से पढ़ी गई है।",
    allWell: "सब ठीक है", allWellText: "अभी {n} बातें जाँची गईं।", look: { one: "{n} बात पर ध्यान दें", other: "{n} बातों पर ध्यान दें" }, broken: { one: "{n} वादा पूरा नहीं हो रहा", other: "{n} वादे पूरे नहीं हो रहे" }, lookText: "नीचे इन पर निशान है और लिखा है कि क्या करना है।",
    good: "ठीक है", warn: "ध्यान दें", bad: "ठीक नहीं", none: "जानकारी के लिए",
    apart: "हर दूसरे व्यवसाय से अलग", sealed: "टोकन और कनेक्शन", control: "आपके हाथ में", others: "और किसे क्या डेटा मिलता है",
    isolation: "कोई दूसरा व्यवसाय आप तक नहीं पहुँच सकता",
    isolationGood: "एक अनजान व्यवसाय से {tables} टेबल (जिनमें {with_rows} में लेने को कुछ था) और {functions} फ़ंक्शन पर हमला कराया गया: पढ़ने, जोड़ने, बदलने और हटाने की {attempts} कोशिशें। एक भी सफल नहीं हुई।",
    isolationBad: { one: "{attempts} में से {n} कोशिश सफल हो गई। अपना Flow चलाने वाले को तुरंत बताएँ।", other: "{attempts} में से {n} कोशिशें सफल हो गईं। अपना Flow चलाने वाले को तुरंत बताएँ।" },
    isolationOld: "पिछली जाँच दो दिन से पुरानी है। यह हर रात अपने आप होनी चाहिए।", isolationNever: "अभी तक जाँच नहीं हुई। यह हर रात अपने आप होती है; मालिक इसे अभी भी चला सकते हैं।",
    isolationHow: "जाँच पल भर के लिए दूसरा व्यवसाय बनाती है, उससे आपके व्यवसाय पर हमला करती है और सब वापस ले लेती है। आपका कुछ भी न बाहर जाता है, न बदलता है।",
    checked: "पिछली जाँच: {time}, {ms} ms में, {who}।", byOwner: "मालिक ने", byNight: "अपने आप", checkNow: "अभी जाँचें", checking: "हर टेबल आज़माई जा रही है…", nothingCame: "कुछ भी सफल नहीं हुआ: {n} कोशिशें, सब नाकाम।", cameThrough: "{n} कोशिशें सफल हुईं",
    what_read: "पढ़ सका", what_add: "जोड़ सका", what_change: "बदल सका", what_remove: "हटा सका", what_refer: "जोड़कर दिखा सका", what_call: "चला सका", who_member: "दूसरा व्यवसाय", who_anon: "बिना साइन इन वाला",
    rls: "हर टेबल अपनी पंक्तियों की रखवाली करती है", rlsText: "हर पंक्ति किसे दिखे, यह Postgres खुद तय करता है, आगे के प्रोग्राम चाहे कुछ भी करें।", rlsBad: "कुछ टेबल सुरक्षित नहीं हैं।",
    anon: "जो साइन इन नहीं है उसके लिए बंद", anonText: "बिना साइन इन के न कोई टेबल पढ़ी जा सकती है, न कोई फ़ंक्शन चलाया जा सकता है।", anonBad: "कुछ ऐसा है जो बिना साइन इन के भी खुला है।",
    ofTables: "{all} में से {n} टेबल", leaks: { one: "{n} चूक", other: "{n} चूक" }, open: { one: "{n} खुला", other: "{n} खुले" },
    keys: "टोकन और key सील हैं", keysText: "आपके Meta टोकन और IndiaMART key AES-256 से एन्क्रिप्ट हैं। key का संस्करण {n}, {date} से चल रहा है।", keysNone: "आपने Flow को अभी कोई टोकन या key नहीं सौंपी। सौंपने पर वह रखे जाने से पहले AES-256 से एन्क्रिप्ट होगी।", keysBroken: { one: "{n} टोकन अब नहीं खुलता। वह खाता फिर से जोड़ें।", other: "{n} टोकन अब नहीं खुलते। वे खाते फिर से जोड़ें।" }, keysOld: "key का संस्करण {n}, {date} से चल रहा है: एक साल से ज़्यादा। ऑपरेटर को उसे नया करना चाहिए।",
    sealedCount: { one: "{n} सील", other: "{n} सील" },
    uses: "आपके टोकन किसने इस्तेमाल किए", usesText: "टोकन केवल मेमोरी में, एक ही काम के लिए खुलता है। हर बार गिना जाता है।", usesTimes: { one: "30 दिन में {n} बार", other: "30 दिन में {n} बार" }, usesNone: "30 दिन में नहीं खुला।", usesLast: "पिछली बार: {time}", usesShow: "देखें किसलिए",
    webhooks: "केवल Meta के असली अपडेट माने जाते हैं", webhooksText: "जिस अपडेट पर Meta के हस्ताक्षर नहीं, उसे पढ़े बिना ही लौटा दिया जाता है। लौटाए गए अपडेट गिने नहीं जाते: समय पिछले असली अपडेट का है।", access: "टोकन का इस्तेमाल", webhooksLast: "पिछला: {time}", webhooksNone: "अभी कोई नहीं",
    address: "कनेक्शन एन्क्रिप्ट हैं", addressHttps: "सारा ट्रैफ़िक TLS से जाता है; सादा http नहीं चलता।", addressLoopback: "यह Flow एक ही मशीन पर चल रहा है। सार्वजनिक पता मिलते ही केवल TLS चलेगा।", addressUnknown: "डेटाबेस को नहीं बताया गया कि Flow के प्रोग्राम कहाँ हैं।",
  },
})

/** What a token was opened for, as the functions call it. */
const purposes = words({
  en: { dispatch: "Sending messages", media: "Fetching pictures and files", health: "Looking after the connection", indiamart: "Fetching leads", signup: "Connecting WhatsApp", registration: "Registering the number", reconcile: "Comparing the bill with Meta", cleanup: "Ending the connection at Meta", template_sync: "Reading templates", template_write: "Handing in templates" },
  hi: { dispatch: "संदेश भेजना", media: "तस्वीरें और फ़ाइलें लाना", health: "कनेक्शन की देखरेख", indiamart: "लीड लाना", signup: "WhatsApp जोड़ना", registration: "नंबर रजिस्टर करना", reconcile: "Meta के बिल से मिलान", cleanup: "Meta पर कनेक्शन खत्म करना", template_sync: "टेम्पलेट पढ़ना", template_write: "टेम्पलेट भेजना" },
})
const KNOWN = new Set(["dispatch", "media", "health", "indiamart", "signup", "registration", "reconcile", "cleanup", "template_sync", "template_write"])
export const purposeOf = (purpose) => (KNOWN.has(purpose) ? purposes(purpose) : purpose.replaceAll("_", " "))

import { words } from "../../lib/words.js"

export const t = words({
  en: {
    open: "Open alarms", over: "Over", none: "No alarm", noneText: "Every rule was looked at, and nothing is wrong.", noneOver: "Nothing was wrong yet", noneOverText: "Alarms that are over stand here for 90 days.", older: "Older",
    critical: "Critical", warning: "Warning", since: "since {time}", took: "{from} to {to}", flaps: { one: "came back once", other: "came back {n} times" }, organization: "Organization", todo: "What to do",
    take: "I look after it", taken: "{name} looks after it", takenBy: "Looked after since {time}", lookedAt: "Looked at {time}", late: "Nobody looks: the rules were last looked at {time}. See that pg_cron runs flow-alarms.", never: "never",
    health: "How it runs", queues: "Queues", queue_messages: "Messages", queue_signals: "Receipts", queue_media: "Files", waits: "{time} old", empty: "empty",
    requests: "Requests, 5 min", errors: "{share} % failed", p95: "95 % within {ms} ms", webhooks: "Webhooks, 1 h", lastAt: "last {time}", lag: "{time} late", noWebhooks: "none came",
    jobs: "Jobs", jobsWell: { one: "{n} ran, none failed", other: "{n} ran, none failed" }, jobsFailed: "Failed: {names}", jobsNone: "none ran yet", dead: "Dead letters", deadHour: "{n} in the last hour",
    partitions: "Partitions", partitionsWell: "tomorrow's are there", missing: { one: "{n} missing", other: "{n} missing" }, telling: "Told by", webhook: "Webhook", mail: "Mail", off: "not set up, or not used yet", failing: "fails: {error}", toldAt: "last {time}", ready: "ready",
    rule_server_errors: "Requests fail", rule_slow_answers: "Answers are slow", rule_webhook_lag: "Webhooks come late", rule_number_silent: "A number fell silent", rule_source_differs: "Push and pull differ", rule_queue_old: "A queue does not move",
    rule_payment_quarantined: "A payment is not believed", rule_inquiry_overdue: "An inquiry is past its time", rule_dead_letters: "Dead letters grow", rule_retention_missed: "Clearing out was missed", rule_deletion_late: "A deletion is late", rule_isolation: "Organizations may not be kept apart",
    rule_partition_missing: "A partition is missing", rule_telemetry_lost: "Telemetry was lost", rule_credential_refused: "Access was refused", rule_cron_silent: "A cron job does not run", rule_wakeup_unanswered: "A job does not answer", rule_rule_failed: "An alarm cannot be looked at",
  },
  hi: {
    open: "खुले अलार्म", over: "खत्म हुए", none: "कोई अलार्म नहीं", noneText: "हर नियम देखा गया, सब ठीक है।", noneOver: "अब तक कुछ गलत नहीं हुआ", noneOverText: "खत्म हुए अलार्म यहाँ 90 दिन रहते हैं।", older: "और पुराने",
    critical: "गंभीर", warning: "चेतावनी", since: "{time} से", took: "{from} से {to}", flaps: { one: "एक बार लौटा", other: "{n} बार लौटा" }, organization: "संगठन", todo: "क्या करें",
    take: "मेरे ज़िम्मे", taken: "{name} के ज़िम्मे", takenBy: "{time} से किसी के ज़िम्मे", lookedAt: "{time} देखा गया", late: "कोई नहीं देख रहा: नियम आखिरी बार {time} देखे गए। जाँचें कि pg_cron में flow-alarms चलता है।", never: "कभी नहीं",
    health: "कैसा चल रहा है", queues: "कतारें", queue_messages: "मैसेज", queue_signals: "रसीदें", queue_media: "फ़ाइलें", waits: "{time} पुरानी", empty: "खाली",
    requests: "रिक्वेस्ट, 5 मिनट", errors: "{share} % असफल", p95: "95 % {ms} ms में", webhooks: "वेबहुक, 1 घंटा", lastAt: "आखिरी {time}", lag: "{time} देर से", noWebhooks: "कोई नहीं आया",
    jobs: "जॉब", jobsWell: { one: "{n} चला, कोई असफल नहीं", other: "{n} चले, कोई असफल नहीं" }, jobsFailed: "असफल: {names}", jobsNone: "अभी कोई नहीं चला", dead: "डेड लेटर", deadHour: "पिछले घंटे में {n}",
    partitions: "पार्टीशन", partitionsWell: "कल के तैयार हैं", missing: { one: "{n} नहीं है", other: "{n} नहीं हैं" }, telling: "सूचना", webhook: "वेबहुक", mail: "मेल", off: "सेट नहीं है, या अभी तक काम नहीं आया", failing: "असफल: {error}", toldAt: "आखिरी {time}", ready: "तैयार",
    rule_server_errors: "रिक्वेस्ट असफल हो रही हैं", rule_slow_answers: "जवाब धीमे हैं", rule_webhook_lag: "वेबहुक देर से आ रहे हैं", rule_number_silent: "एक नंबर चुप है", rule_source_differs: "पुश और पुल अलग हैं", rule_queue_old: "कतार रुकी है",
    rule_payment_quarantined: "पेमेंट पर भरोसा नहीं", rule_inquiry_overdue: "एक पूछताछ का समय निकल गया", rule_dead_letters: "डेड लेटर बढ़ रहे हैं", rule_retention_missed: "सफ़ाई छूट गई", rule_deletion_late: "डिलीट में देर", rule_isolation: "संगठन शायद अलग नहीं हैं",
    rule_partition_missing: "पार्टीशन नहीं है", rule_telemetry_lost: "टेलीमेट्री खो गई", rule_credential_refused: "एक्सेस नामंज़ूर", rule_cron_silent: "क्रॉन जॉब नहीं चल रहा", rule_wakeup_unanswered: "जॉब जवाब नहीं देता", rule_rule_failed: "अलार्म देखा नहीं जा सकता",
  },
})

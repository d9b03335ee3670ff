import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "All that Flow notes of its own running, straight from its database: nothing else is noted. Never what you or your customers write, no contents of requests, no passwords, no whole addresses of pages. What looks like a telephone number, an address or a token is hidden before it is written.",
    kept: "Kept for {time}", service: "About the service itself", serviceText: "Names no organization and nobody.",
    yours: "Choose whether the pages you open are noted",
    request_log: "Requests to our servers", page_views: "Pages you open, and how fast they are", error_events: "Errors in our programs and pages", api_calls: "Calls to WhatsApp, IndiaMART, Google and payment services", audit_log: "Who did what, for security",
    error_groups: "Errors that are the same one, counted", job_runs: "How our jobs ran", telemetry_daily: "Figures of each day", telemetry_losses: "How much of all this could not be written", paces: "How much a key, a person or a network has asked for lately: so that nobody floods us",
    occurred_at: "When", at: "When", org_id: "Your organization", user_id: "The person", actor: "The person", actor_role: "Their role", action: "What was done", object_type: "To what kind of thing", object_id: "Its id", details: "Which fields changed", ip: "IP address", ip_prefix: "The network (part of the IP address)",
    request_id: "Number of the request", trace_id: "Number that ties browser, server and database together", release: "Version of Flow", method: "Kind of request", route: "Which page or address, by its pattern", status: "Whether it worked", duration_ms: "How long it took", db_ms: "How long the database took", db_calls: "How often the database was asked", upstream_ms: "How long other services took", bytes_out: "Size of the answer",
    os: "Operating system", browser: "Browser", device: "Kind of device", navigation: "How the page was come to", visible_ms: "How long it was to be seen", load_ms: "How long it took to load", ttfb_ms: "Until the first byte", lcp_ms: "Until the main part was painted", inp_ms: "How long a press waited", cls: "How much moved by itself",
    side: "Server or browser", type: "Which kind", message: "The message, scrubbed", frames: "Where in our code", fingerprint: "Which errors are the same", source: "File and line",
    direction: "To the service or from it", provider: "Which service", operation: "What was asked", endpoint: "The pattern of the address", provider_code: "The service's error code", provider_subcode: "Its finer code", attempt: "Which attempt", provider_request_id: "The service's own number of the call", idempotency_key: "The key that makes repeating harmless", lag_ms: "How late it came",
  },
  hi: {
    text: "Flow अपने चलने के बारे में जो कुछ दर्ज करता है, सीधे उसके डेटाबेस से: इसके अलावा कुछ नहीं। आप या आपके ग्राहक जो लिखते हैं वह कभी नहीं, न रिक्वेस्ट की सामग्री, न पासवर्ड, न पेज के पूरे पते। जो फ़ोन नंबर, पता या टोकन जैसा दिखे, वह लिखने से पहले छिपा दिया जाता है।",
    kept: "{time} तक", service: "सेवा के बारे में", serviceText: "इसमें किसी संगठन या व्यक्ति का नाम नहीं।",
    yours: "चुनें कि आपके खोले पेज दर्ज हों या नहीं",
    request_log: "हमारे सर्वर पर आई रिक्वेस्ट", page_views: "आपके खोले पेज, और उनकी गति", error_events: "हमारे प्रोग्राम और पेज की गड़बड़ियाँ", api_calls: "WhatsApp, IndiaMART, Google और भुगतान सेवाओं की कॉल", audit_log: "किसने क्या किया, सुरक्षा के लिए",
    error_groups: "एक जैसी गड़बड़ियाँ, गिनी हुई", job_runs: "हमारे जॉब कैसे चले", telemetry_daily: "हर दिन के आँकड़े", telemetry_losses: "इसमें से कितना लिखा नहीं जा सका", paces: "किसी कुंजी, व्यक्ति या नेटवर्क ने हाल में कितना माँगा: ताकि कोई बाढ़ न ला सके",
    occurred_at: "कब", at: "कब", org_id: "आपका संगठन", user_id: "व्यक्ति", actor: "व्यक्ति", actor_role: "उनकी भूमिका", action: "क्या किया गया", object_type: "किस तरह की चीज़ पर", object_id: "उसकी id", details: "कौन-से फ़ील्ड बदले", ip: "IP पता", ip_prefix: "नेटवर्क (IP पते का एक हिस्सा)",
    request_id: "रिक्वेस्ट की संख्या", trace_id: "ब्राउज़र, सर्वर और डेटाबेस को जोड़ने वाली संख्या", release: "Flow का संस्करण", method: "रिक्वेस्ट का प्रकार", route: "कौन-सा पेज या पता, केवल उसका ढाँचा", status: "सफल हुआ या नहीं", duration_ms: "कितना समय लगा", db_ms: "डेटाबेस को कितना समय लगा", db_calls: "डेटाबेस से कितनी बार पूछा", upstream_ms: "दूसरी सेवाओं को कितना समय लगा", bytes_out: "जवाब का आकार",
    os: "ऑपरेटिंग सिस्टम", browser: "ब्राउज़र", device: "डिवाइस का प्रकार", navigation: "पेज पर कैसे आए", visible_ms: "कितनी देर दिखा", load_ms: "लोड होने में कितना समय", ttfb_ms: "पहले बाइट तक", lcp_ms: "मुख्य हिस्सा दिखने तक", inp_ms: "दबाने पर कितना रुकना पड़ा", cls: "अपने-आप कितना खिसका",
    side: "सर्वर या ब्राउज़र", type: "किस प्रकार का", message: "संदेश, छिपाकर", frames: "हमारे कोड में कहाँ", fingerprint: "कौन-सी गड़बड़ियाँ एक जैसी हैं", source: "फ़ाइल और पंक्ति",
    direction: "सेवा को या सेवा से", provider: "कौन-सी सेवा", operation: "क्या माँगा", endpoint: "पते का ढाँचा", provider_code: "सेवा का गड़बड़ी-कोड", provider_subcode: "उसका बारीक कोड", attempt: "कौन-सी कोशिश", provider_request_id: "सेवा की अपनी कॉल-संख्या", idempotency_key: "दोहराने को सुरक्षित करने वाली key", lag_ms: "कितनी देर से आया",
  },
})

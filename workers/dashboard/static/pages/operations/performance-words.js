import { words } from "../../lib/words.js"

export const t = words({
  en: {
    span: "Time", span_hour: "Last hour", span_day: "Last 24 hours", span_week: "7 days", span_month: "30 days", span_quarter: "90 days",
    recent: "Since {since}.", daily: "Whole days (UTC) since {since}; a percentile is the mean of the days' own.",
    requests: "Requests", pages: "Pages, as browsers measure them", pagesText: "Times at the 75th percentile; “Seen” is the median. Only of people who let Flow note the pages they open.", calls: "Calls to other services", jobs: "Jobs", none: "Nothing in this time.",
    name: "Name", count: "Count", rate: "Rate", failed: "Failed", max: "Slowest", perMinute: "{n}/min", opened: "Opened", seen: "Seen", load: "Loaded", good: "Good", warn: "Needs improvement", bad: "Poor",
  },
  hi: {
    span: "समय", span_hour: "पिछला घंटा", span_day: "पिछले 24 घंटे", span_week: "7 दिन", span_month: "30 दिन", span_quarter: "90 दिन",
    recent: "{since} से।", daily: "{since} से पूरे दिन (UTC); परसेंटाइल हर दिन के अपने परसेंटाइल का औसत है।",
    requests: "रिक्वेस्ट", pages: "पेज, जैसा ब्राउज़र नापते हैं", pagesText: "समय 75वें परसेंटाइल पर; “दिखा” बीच का मान है। केवल उन लोगों के, जिन्होंने अपने खोले पेज दर्ज करने दिए हैं।", calls: "दूसरी सेवाओं की कॉल", jobs: "जॉब", none: "इस समय में कुछ नहीं।",
    name: "नाम", count: "संख्या", rate: "दर", failed: "असफल", max: "सबसे धीमा", perMinute: "{n}/मिनट", opened: "खुला", seen: "दिखा", load: "लोड हुआ", good: "अच्छा", warn: "सुधार चाहिए", bad: "खराब",
  },
})

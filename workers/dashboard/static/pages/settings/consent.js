// consent.js: the consent ledger, read page by page, and as a file for a spreadsheet.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment, phone } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { Button, Chip, Empty, Skeleton, When } from "../../ui/basics.js"
import { said, sourceOf, t } from "./consent-words.js"

const COLUMNS = ["at", "decision", "source", "evidence", "name", "phone", "ref", "stored"]

/** A cell of a CSV file; what a spreadsheet would take for a formula begins with an apostrophe. */
const cell = (value) => {
  const text = String(value ?? "")
  return `"${(/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
}

const line = (one) => [one.at, one.decision, one.source, JSON.stringify(one.evidence), one.name, one.phone, one.source_ref, one.stored_at].map(cell).join(",")

function save(lines) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }))
  link.download = `consent-${new Date().toISOString().slice(0, 10)}.csv`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

function Download({ decision }) {
  const [many, setMany] = useState(0)
  const read = async () => {
    const lines = [COLUMNS.map((name) => cell(t(`col_${name}`))).join(",")]
    try {
      for (let next = {}; next;) {
        const page = await rpc("list_consent_events", { decision: decision || null, page_size: 1000, ...next })
        lines.push(...page.items.map(line))
        setMany(lines.length - 1)
        next = page.next
      }
      save(lines)
    } finally {
      setMany(0)
    }
  }
  return html`<${Button} icon="Download" onClick=${read}>${many ? t("reading", { n: many }) : t("csv")}<//>`
}

const Event = ({ one }) => html`<div class="retention-line"><span class="grow wrap"><bdi>${one.name ?? (one.phone ? phone(one.phone) : t("unnamed"))}</bdi> <${Chip} kind=${one.decision === "opt_in" ? "good" : "warn"}>${t(one.decision)}<//>
    ${said(one) && html`<br /><bdi class="soft">“${said(one)}”</bdi>`}</span>
  <span class="soft small">${sourceOf(one.source)} · <${When} at=${one.at} as=${moment} /></span></div>`

export default function Consent() {
  const [decision, setDecision] = useState("")
  const log = usePages(`consent ${decision}`, (next) => rpc("list_consent_events", { decision: decision || null, ...next }))
  return html`<p class="soft wrap">${t("text")}</p>
    <div class="row breaks">${["", "opt_out", "opt_in"].map((key) => html`<button type="button" class="chip" key=${key} aria-pressed=${key === decision} onClick=${() => setDecision(key)}>${t(key || "all")}</button>`)}<span class="grow"></span><${Download} decision=${decision} /></div>
    ${log.problem ? html`<${Empty} icon="CircleAlert" title=${log.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${log.again}>${t("again")}<//>`} />`
      : log.isFresh ? html`<${Skeleton} lines=${6} height=${48} />`
      : !log.items.length ? html`<${Empty} icon="UserCheck" title=${t("nothing")}>${t("nothingText")}<//>`
      : html`<section class="card stack tight">${log.items.map((one) => html`<${Event} key=${one.id} one=${one} />`)}</section>`}
    ${!log.isFresh && !log.isEnd && html`<div><${Button} busy=${log.isLoading} onClick=${log.more}>${t("older")}<//></div>`}`
}

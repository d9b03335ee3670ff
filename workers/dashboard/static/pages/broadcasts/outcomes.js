// outcomes.js: who a broadcast is for and what became of each, by outcome; each opens their conversation or lead.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief, number } from "../../lib/formats.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Windowed } from "../../ui/windowed.js"
import { Person } from "../campaigns/person.js"
import { t as shared } from "../campaigns/words.js"
import { reasonOf } from "../inbox/status.js"
import { usePages } from "../../lib/paged.js"
import { t } from "./words.js"

const KINDS = ["replied", "read", "delivered", "sent", "uncertain", "queued", "waiting", "failed", "skipped"]
const SIZE = 50

/** What became of somebody, in words. */
function becameOf(person, isReplied) {
  const { outcome, reason, words } = person
  if (isReplied) return t("is_replied", { time: brief(person.replied_at) })
  if (outcome === "skipped") return t(`why_${reason}`)
  if (outcome === "failed") return reasonOf({ error_code: person.error_code, error_message: words }).words
  const at = { sent: person.sent_at, delivered: person.delivered_at, read: person.read_at }[outcome]
  return outcome === "waiting" && words ? words : t(`is_${outcome}`, { time: at ? brief(at) : "" })
}

export function Outcomes({ broadcast, first }) {
  const { broadcast_id: id, counts, total } = broadcast
  const [kind, setKind] = useState(KINDS.includes(first) ? first : "all")
  const many = { ...counts, all: total }
  const list = usePages(`broadcast-outcomes/${id}/${kind}`, async (next) => {
    const people = await rpc("broadcast_outcomes", { broadcast_id: id, outcome: kind === "all" ? null : kind, after_id: next, page_size: SIZE })
    return { items: people, next: people.length === SIZE ? people.at(-1).contact_id : null }
  }, (person) => person.contact_id)
  const now = JSON.stringify(counts)
  useEffect(() => { if (!list.isFresh) list.again() }, [now])
  return html`<section class="campaign-people" aria-label=${shared("people")}>
    <div class="chips-row" role="group" aria-label=${t("show")}>${["all", ...KINDS].filter((name) => name === "all" || name === kind || many[name] > 0).map((name) => html`<button type="button" class="chip" key=${name} aria-pressed=${name === kind} onClick=${() => setKind(name)}>${t(`show_${name}`)} <span class="numbers">${number(many[name])}</span></button>`)}</div>
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${shared("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="pad"><${Skeleton} lines=${8} height=${32} /></div>`
      : !list.items.length ? html`<${Empty} icon="Users" title=${t("nobody")} />`
      : html`<${Windowed} key=${kind} items=${list.items} keyOf=${(person) => person.contact_id} height=${64} onEnd=${list.more} label=${t(`show_${kind}`)}
          render=${(person) => html`<${Person} person=${person} href=${person.conversation_id && `/inbox/${person.conversation_id}`}><span class="three-lines ${person.outcome === "failed" ? "danger" : "soft"}">${becameOf(person, kind === "replied")}</span><//>`} />`}
  </section>`
}

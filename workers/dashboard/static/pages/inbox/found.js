// found.js: what a search finds: people by name or number, and messages by their words.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { useQuery } from "../../lib/queries.js"
import { Button, Loaded } from "../../ui/basics.js"
import { filter } from "./cards.js"
import { Row } from "./row.js"
import { t } from "./words.js"

const PAGE = 30

/** A snippet with its matches marked; the two marks are private characters, and everything else is text. */
export const Snippet = ({ text }) => (text ?? "").split("\ue000").flatMap((part, at) => {
  if (!at) return [part]
  const [hit, ...rest] = part.split("\ue001")
  return [html`<mark>${hit}</mark>`, rest.join("\ue001")]
})

function Messages({ query }) {
  const [state, setState] = useState({ found: null, isDone: false, problem: null })
  const load = async (before) => {
    try {
      const page = await rpc("search_messages", { query, page_size: PAGE, ...(before && { before_at: before.at, before_id: before.message_id }) })
      setState((now) => ({ found: [...(before ? now.found : []), ...page], isDone: page.length < PAGE, problem: null }))
    } catch (error) {
      setState((now) => ({ ...now, problem: asProblem(error) }))
    }
  }
  useEffect(() => { load(null) }, [query])
  if (state.problem) return html`<p class="soft found-text">${state.problem.words}</p>`
  if (!state.found) return null
  if (!state.found.length) return html`<p class="soft found-text">${t("noFoundMessages")}</p>`
  return html`<ul>${state.found.map((hit) => html`<li key=${hit.message_id}><a class="found-message" href=${`/inbox/${hit.conversation_id}?m=${hit.message_id}${filter.value.replace("?", "&")}`}>
    <span class="row"><bdi class="clip grow thread-name">${hit.contact_name || t("somebody")}</bdi><time class="small soft" datetime=${hit.at}>${brief(hit.at)}</time></span>
    <span class="two wrap soft" dir="auto">${hit.direction === "outbound" && `${t("ours")} `}<${Snippet} text=${hit.snippet} /></span></a></li>`)}</ul>
    ${!state.isDone && html`<${Button} kind="quiet" onClick=${() => load(state.found.at(-1))}>${t("showMore")}<//>`}`
}

export default function Found({ query }) {
  const people = useQuery(`search:${query}`, () => rpc("search_conversations", { query, page_size: 20 }))
  return html`<div class="windowed inbox-found" role="region" aria-label=${t("found")}>
    <h3 class="found-title">${t("people")}</h3>
    <${Loaded} query=${people} lines=${4} height=${56}>${(found) => (found.length ? html`<ul>${found.map((card) => html`<li key=${card.id} class="found-row"><${Row} card=${card} /></li>`)}</ul>` : html`<p class="soft found-text">${t("noFoundPeople")}</p>`)}<//>
    <h3 class="found-title">${t("messages")}</h3><${Messages} key=${query} query=${query} /></div>`
}

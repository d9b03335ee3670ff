// page.js: the inbox: list, conversation, person; on a phone one after the other.
import { html, useEffect } from "../../vendor/vendor.js"
import { openId, UUID } from "./cards.js"
import { Conversation, Nothing } from "./conversation.js"
import { List } from "./list.js"
import "./title.js"

export default function Inbox({ params, query }) {
  const id = UUID.test(params.id ?? "") ? params.id : null
  useEffect(() => {
    openId.value = id
    return () => { openId.value = null }
  }, [id])
  const target = /^\d+$/.test(query.m ?? "") ? Number(query.m) : null
  return html`<div class="inbox ${params.id ? "with-one" : ""}"><${List} />
    ${params.id ? html`<${Conversation} key=${params.id} id=${id ?? "00000000-0000-0000-0000-000000000000"} target=${target} />` : html`<${Nothing} />`}</div>`
}

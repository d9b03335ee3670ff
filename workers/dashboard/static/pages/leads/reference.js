// reference.js: what leads are called by: pipelines and stages, people, tags, sources, fields, reasons. Few and seldom changed: read together.
import { rows } from "../../lib/api.js"
import { readMembers } from "../../lib/members.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org, person } from "../../lib/session.js"

const KEY = "leads-reference"

const byPosition = (query, columns) => query.select(columns).order("position").order("id")

async function read() {
  const [pipelines, stages, people, tags, sources, fields, reasons, contact] = await Promise.all([
    rows("pipelines", (query) => byPosition(query, "id, name, position")),
    rows("pipeline_stages", (query) => byPosition(query, "id, pipeline_id, name, kind, position")),
    readMembers(),
    rows("tags", (query) => query.select("id, name, colour").order("name")),
    rows("lead_sources", (query) => query.select("id, kind, name").order("created_at")),
    rows("lead_fields", (query) => byPosition(query, "id, key, label, kind, choices, is_required, position, archived_at")),
    rows("close_reasons", (query) => query.select("id, kind, name, archived_at").order("name")),
    rows("leads", (query) => query.select("id").limit(1)),
  ])
  const by = (list) => new Map(list.map((item) => [item.id, item]))
  const maps = { pipeline: by(pipelines), stage: by(stages), member: by(people), tag: by(tags), source: by(sources), reason: by(reasons) }
  return {
    pipelines, stages, members: people, tags, sources, reasons, allFields: fields, fields: fields.filter((field) => !field.archived_at),
    hasLeads: contact.length > 0,
    stagesOf: (pipeline) => stages.filter((stage) => stage.pipeline_id === pipeline),
    the: (kind, id) => maps[kind].get(id),
    nameOf: (kind, id) => maps[kind].get(id)?.name ?? "",
    me: person.value.id,
  }
}

/** {data, problem}: all of it, or undefined until it is known. */
export const useReference = () => useQuery(`${KEY}/${org.value?.id}`, read)

/** Reads it again: after somebody changed a stage, a tag, a field. */
export const recall = () => refresh(KEY)

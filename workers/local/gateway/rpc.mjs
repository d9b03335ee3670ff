// rpc.mjs: POST /rest/v1/rpc/<function>, as PostgREST answers it.
// lite sends jsonb arguments twice encoded, loses digits, turns most SQLSTATEs into 500 and ignores role timeouts.
import { readClaims } from "./claims.mjs";
import { answerOf, choose, messageOf, milliseconds, readArguments, settingsOf } from "./call.mjs";
import { rpcGate, rpcPool } from "./database.mjs";
import { databaseProblem, problem, Refusal } from "./errors.mjs";
import { functionsNamed } from "./functions.mjs";
import { Deadline, PATIENCE_MS } from "./gate.mjs";
import { readText, send } from "./http.mjs";
import { isDeeperThan, isJson } from "./json.mjs";
import { endedSession } from "./sessions.mjs";

export const PREFIX = "/rest/v1/rpc/";
const DEEP = 1000;                                       // Postgres reads some thousands; below that it was the function's own fault

/** Runs one message; settles with the rows of its last statement, or rejects. */
async function run(message) {
  const results = await rpcPool.unsafe(message).simple();
  return results[results.length - 1];
}

async function call(who, schema, name, given, request, deadline) {
  for (let attempt = 1; ; attempt++) {
    const functions = await functionsNamed(schema, name, who.role, attempt > 1);
    const chosen = choose(functions, given.keys, schema, name);
    if (chosen instanceof Refusal) {
      if (attempt === 1 && functions.isOld) continue;    // it may have been made a moment ago
      return chosen;
    }
    const settings = settingsOf(who, chosen.f, request);
    const message = messageOf(schema, name, chosen, settings, given.json);
    try {
      const limit = milliseconds(settings.statement_timeout ?? functions.loginTimeout);
      deadline.allow(limit && limit + PATIENCE_MS);
      const rows = await run(message);
      return answerOf(chosen.f, rows[0], request.headers.accept);
    } catch (error) {
      // Nothing was done: the function was replaced since it was looked up.
      if (attempt === 1 && functions.isOld && (error.code === "42883" || error.code === "42P13")) continue;
      if (/^(22P02|54001)$/.test(error.code) && /type json$|stack depth/.test(error.message)) {
        if (!isJson(given.json)) return problem(400, "PGRST102", "Empty or invalid json");
        if (error.code === "54001" && isDeeperThan(given.json, DEEP)) return problem(400, "54001", error.message, "The JSON is nested too deeply");
      }
      return databaseProblem(error, who.role === "anon");
    }
  }
}

/** Answers one call. */
export async function rpc(req, res, url, config) {
  const text = await readText(req);                      // always read, so that a refusal does not cut the client off
  const who = readClaims(req.headers, url.searchParams, config.auth);
  if (who instanceof Refusal) return send(res, who);
  if (text instanceof Refusal) return send(res, text);
  let name;
  try {
    name = decodeURIComponent(url.pathname.slice(PREFIX.length));
  } catch {
    return send(res, problem(400, "PGRST125", "Invalid path specified in request URL"));
  }
  const schema = req.headers["content-profile"] ?? config.api.schemas[0];
  if (!config.api.schemas.includes(schema))
    return send(res, problem(406, "PGRST106", `Invalid schema: ${schema}`, null, `Only the following schemas are exposed: ${config.api.schemas.join(", ")}`));
  if (name === "" || name.includes("/")) return send(res, problem(404, "PGRST125", "Invalid path specified in request URL"));
  const given = readArguments(text, req.headers["content-type"], url.searchParams.get("columns"));
  if (given instanceof Refusal) return send(res, given);

  const leave = await rpcGate.enter();
  if (leave instanceof Refusal) return send(res, leave);
  const deadline = new Deadline();
  const request = { schema, extra: config.api.extra_search_path ?? [], method: req.method,
    path: url.pathname.slice("/rest/v1".length), headers: req.headers };
  const work = endedSession(who).then((ended) => ended ?? call(who, schema, name, given, request, deadline))
    .catch((error) => databaseProblem(error, who.role === "anon"))
    .finally(leave);                                     // a silent connection is not lent to the next caller
  send(res, await deadline.of(work));
}

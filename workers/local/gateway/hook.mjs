// hook.mjs: where the repairs meet lite. Every request of the HTTP server lite starts passes `door` first, which
// answers it or hands it on; and every answer of lite passes `repair`.
import http from "node:http";
import { App } from "@supabase/lite";
import { admin, PREFIX as ADMIN } from "./admin.mjs";
import { isForLite } from "./call.mjs";
import { corsHeaders, preflight } from "./cors.mjs";
import { liteGate } from "./database.mjs";
import { forLite, databaseProblem, problem, Refusal } from "./errors.mjs";
import { Deadline } from "./gate.mjs";
import { answerForGoogle, googlePage, isFake, PAGE, redirected } from "./google.mjs";
import { send } from "./http.mjs";
import { apiKey } from "./keys.mjs";
import { PREFIX as RPC, rpc } from "./rpc.mjs";
import { forgetSessions } from "./sessions.mjs";
import { storage } from "./storage.mjs";
import { tableRefusal } from "./tables.mjs";
import { exactFilters } from "./values.mjs";

let config;                                              // lite's own, once it has read config.toml

/** Hands a request on to lite, as soon as there is room. */
async function pass(res, onward) {
  const leave = await liteGate.enter();
  if (leave instanceof Refusal) return send(res, leave);
  if (res.destroyed) return leave();
  res.once("close", leave);
  onward();
}

/** Answers the request or hands it on. Only addresses named here reach lite: it has open ones (/_system tells passwords). */
async function door(req, res, onward) {
  let url;
  try {
    url = new URL(req.url, "http://gateway");
  } catch {
    return send(res, problem(400, "PGRST125", "Invalid path specified in request URL"));
  }
  const path = url.pathname;
  req.url = path + url.search;                           // lite must see what was looked at: no dots, no other host
  if (req.method === "OPTIONS") return preflight(req, res);
  if (path.startsWith("/storage/v1/")) return storage(req, res);
  if (!config) return send(res, problem(503, "PGRST002", "The gateway is starting", null, null, { "retry-after": "1" }));
  if (req.method === "POST" && path.startsWith(RPC) && !isForLite(url.searchParams, req.headers)) return rpc(req, res, url, config);
  if (path.startsWith("/rest/v1/")) {
    const refusal = await new Deadline().of(tableRefusal(req, url, config));
    if (!refusal) {
      req.url = path + exactFilters(url.search);
      return pass(res, onward);
    }
    req.resume();
    return send(res, refusal);
  }
  if (path.startsWith(ADMIN)) return admin(req, res, url, config);
  if (path.startsWith("/auth/v1/")) {
    if (path === "/auth/v1/logout") res.once("finish", forgetSessions);
    return pass(res, onward);
  }
  if (isFake && path === PAGE) return googlePage(res, url, config.auth.external.google.redirect_uri);
  if (path === "/_system/introspect" && apiKey(req.headers, null, config.auth).role === "service_role") return pass(res, onward);
  req.resume();
  send(res, new Refusal(404, { message: "no Route matched with those values" }));
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, req, res) {
  if (event === "listening") {
    this.keepAliveTimeout = 75_000;                      // longer than any client keeps an idle connection
    this.maxHeaderSize = 64 * 1024;                      // long lists in addresses: ?id=in.(…)
  }
  if (event !== "request") return emit.apply(this, arguments);
  const onward = () => emit.call(this, event, req, res);
  door(req, res, onward).catch((error) => {
    if (!res.destroyed) send(res, error.message === "the client has gone" ? problem(400, "PGRST102", error.message) : databaseProblem(error, false));
  });
  return true;
};

/** An answer of lite, readable from any page and with Google's address replaced by ours. */
function repair(answer, origin) {
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(corsHeaders)) headers.set(name, value);
  const page = isFake && redirected(headers.get("location"), origin);
  if (page) headers.set("location", page);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

const init = App.prototype.init;
App.prototype.init = function () {
  if (!config) {
    const connection = this.connection, normal = connection.normalizeDbError.bind(connection), fetch = this.fetch;
    connection.normalizeDbError = (error) => forLite(normal(error));
    this.fetch = async (request, context) => repair(await fetch(request, context), new URL(request.url).origin);
    config = this.config;
    if (isFake) answerForGoogle();
  }
  return init.apply(this, arguments);
};

// storage.mjs: hands /storage/v1 to the Storage stand-in, unbuffered both ways.
// The Supabase clients know only one address, and lite's own (experimental) Storage is unusable over Postgres.
import http from "node:http";
import { corsHeaders } from "./cors.mjs";
import { send } from "./http.mjs";
import { Refusal } from "./errors.mjs";

const target = process.env.FLOW_STORAGE_URL;
const down = () => new Refusal(503, { statusCode: "503", error: "Unavailable", code: "InternalError", message: "The storage service is not running" });

/** Passes a request on; address, headers and body unchanged. */
export function storage(req, res) {
  if (!target) return send(res, down());
  const onward = http.request(target + req.url, { method: req.method, headers: req.headers, agent: false });
  onward.on("response", (answer) => {
    const { connection, ...headers } = answer.headers;
    res.writeHead(answer.statusCode, { ...headers, ...corsHeaders });
    answer.pipe(res).on("finish", () => {                // refused early: read on, so that the client sees why
      req.unpipe(onward);
      req.resume();
    });
    answer.on("error", () => res.destroy());
  });
  onward.on("error", () => (res.headersSent ? res.destroy() : send(res, down())));
  res.on("close", () => res.writableFinished || onward.destroy());
  req.on("error", () => onward.destroy());
  req.pipe(onward);
}

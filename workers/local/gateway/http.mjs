// http.mjs: reading a request and writing an answer, straight on Node's streams.
// The rpc path does not go through lite's Request and Response objects: they cost as much as the call itself.
import { isUtf8 } from "node:buffer";
import { corsHeaders } from "./cors.mjs";
import { problem } from "./errors.mjs";

export const BODY_LIMIT = 32 * 1024 * 1024;

/** Writes an answer {status, body, headers}; a body that is not text is written as JSON. */
export function send(res, { status, body, headers = {} }) {
  if (res.headersSent || res.destroyed) return;
  const text = body === undefined || status === 204 ? null : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const all = { ...corsHeaders, ...headers };
  if (text) {
    all["content-type"] ??= "application/json; charset=utf-8";
    all["content-length"] = text.length;
  }
  res.writeHead(status, all);
  res.end(text && res.req.method !== "HEAD" ? text : undefined);
}

/** The body as text, or a refusal. Rejects only when the client has gone. */
export function readText(req, limit = BODY_LIMIT) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    req.on("data", (chunk) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);             // read on, so that the client sees the refusal
      else chunks.length = 0;
    });
    req.on("end", () => {
      if (size > limit) return resolve(problem(413, "PGRST102", `The request body is larger than ${limit} bytes`));
      const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      if (!isUtf8(bytes) || bytes.includes(0)) return resolve(problem(400, "PGRST102", "Empty or invalid json", "The body is not UTF-8 text"));
      resolve(bytes.toString("utf8"));
    });
    req.on("error", reject);
    req.on("close", () => req.complete || reject(new Error("the client has gone")));
  });
}

// cors.mjs: any page may call this API, as on hosted Supabase; what it may see is decided by its token.
// lite's own preflight answers make browsers refuse /auth/v1 and most rpc calls.
const METHODS = "GET,HEAD,POST,PATCH,PUT,DELETE,OPTIONS";

export const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Range, Content-Location, Content-Disposition, ETag, Preference-Applied, X-Supabase-Api-Version, Sb-Error-Code",
};

/** Answers a preflight. */
export function preflight(req, res) {
  res.writeHead(204, {
    ...corsHeaders,
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": req.headers["access-control-request-headers"] ?? "*",
    "access-control-max-age": "3600",
  }).end();
}

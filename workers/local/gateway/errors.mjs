// errors.mjs: which HTTP status a failure of Postgres becomes, and PostgREST's shape {code, details, hint, message}.

// PostgREST's table (its Error.hs), first match wins. What is not listed is 400: the caller's fault.
const STATUS = [
  [/^PT[2-5]\d\d$/, (code) => Number(code.slice(2))],    // raise sqlstate 'PT409'
  [/^PT/, () => 500],
  [/^2350[35]$/, () => 409],                             // foreign key, duplicate
  [/^25006$/, () => 405],                                // a write in a read-only transaction
  [/^42883$|^42P01$/, () => 404],                        // no such function, table
  [/^42P17$/, () => 500],                                // policies that call each other
  [/^P0001$/, () => 400],                                // raise exception
  [/^53400$/, () => 500],
  [/^57P0[1-4]$/, () => 503],                            // shutting down, crashed, starting up
  [/^(08|53)/, () => 503],
  [/^(0L|0P|28)/, () => 403],
  [/^21000$/, () => 500],
  [/^(09|25|2D|38|39|3B|40|54|55|57|58|F0|HV|P0|XX)/, () => 500],
];
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The HTTP status of an SQLSTATE; `anonymous` is true for a request without a session. */
export function httpStatus(code, anonymous = false) {
  if (code === "42501") return anonymous ? 401 : 403;
  const hit = STATUS.find(([pattern]) => pattern.test(code));
  return hit ? hit[1](code) : 400;
}

/** True for an error that Postgres itself reported, not the way to it. */
export const fromPostgres = (error) => typeof error?.code === "string" && SQLSTATE.test(error.code);

/** An answer that says no; a class of its own, so that it cannot be mistaken for claims or a body. */
export class Refusal {
  constructor(status, body, headers = {}) {
    Object.assign(this, { status, body, headers });
  }
}

/** A refusal in PostgREST's shape. */
export const problem = (status, code, message, details = null, hint = null, headers = {}) =>
  new Refusal(status, { code, details, hint, message }, headers);

/** A refused token. */
export const badToken = (code, message, details = null) =>
  problem(401, code, message, details, null, { "www-authenticate": `Bearer error="invalid_token", error_description="${message}"` });

export const unreachable = (details = null) =>
  problem(503, "PGRST001", "Database connection error. Retrying the connection.", details, null, { "retry-after": "1" });

export const exhausted = () =>
  problem(504, "PGRST003", "Timed out acquiring connection from connection pool.", null, null, { "retry-after": "1" });

export const tooSlow = () => problem(504, "57014", "The database did not answer in time.");

/** `raise sqlstate 'PGRST' using message = '{"code", …}', detail = '{"status", "headers"}'`, as PostgREST reads it. */
function raised(error) {
  try {
    const { code, message, details = null, hint = null } = JSON.parse(error.message);
    const { status, headers = {} } = JSON.parse(error.detail);
    if (typeof code !== "string" || typeof message !== "string" || !(status >= 200 && status <= 599)) throw new Error("incomplete");
    return problem(status, code, message, details, hint, headers);
  } catch {
    return problem(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", error.message);
  }
}

/** The answer to a failed statement. */
export function databaseProblem(error, anonymous) {
  if (!fromPostgres(error)) return unreachable(error?.code ?? null);
  if (error.code === "PGRST") return raised(error);
  const status = httpStatus(error.code, anonymous);
  const headers = status === 401 ? { "www-authenticate": "Bearer" } : status === 503 ? { "retry-after": "1" } : {};
  return problem(status, error.code, error.message, error.detail ?? null, error.hint ?? null, headers);
}

/**
 * lite asks this of its connection for every failure on a table, and answers 500 "SUP" for what it does not know.
 * Says the same by the one means it has: an error of code PGRST that carries its status.
 */
export function forLite(error) {
  const code = error?.code;
  const body = fromPostgres(error) ? databaseProblem(error, false) : NOT_CONNECTED.has(code) ? unreachable(code) : null;
  if (!body || (fromPostgres(error) && KNOWN_TO_LITE.test(code))) return error;
  return Object.assign(new Error(JSON.stringify(body.body)), {
    code: "PGRST", detail: JSON.stringify({ status: body.status, headers: {} }) });
}
const KNOWN_TO_LITE = /^(PGRST|PT...|42...|22...|23502|23503|23505|25006)$/;
const NOT_CONNECTED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "CONNECTION_CLOSED", "CONNECTION_ENDED",
  "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"]);

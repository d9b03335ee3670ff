// database.mjs: the two connection pools.
import postgres from "postgres";
import { Gate } from "./gate.mjs";

const number = (name, otherwise) => Number(process.env[name] || otherwise);

export const POOL = number("FLOW_API_POOL", 10);
export const WAIT_MS = number("FLOW_API_WAIT_MS", 5000);

/** What every pool shares: come back quickly after a restart of Postgres, and say no when it cannot be reached. */
export const options = {
  max: POOL,
  onnotice: () => {},
  connect_timeout: 5,
  backoff: (tries) => Math.min(0.05 * 2 ** tries, 1),
};

/** Calls of functions. Its login role should hold nothing itself (authenticator), as PostgREST's. */
export const rpcPool = postgres(process.env.FLOW_RPC_DB_URL || process.env.FLOW_LITE_DB_URL, {
  ...options, connection: { application_name: "flow-rpc", TimeZone: "UTC" } });
export const rpcGate = new Gate(POOL, WAIT_MS);

/** Reads and writes of the `auth` schema, which the gateway's own role owns. */
export const authPool = postgres(process.env.FLOW_LITE_DB_URL, {
  ...options, max: 2, connection: { application_name: "flow-auth", TimeZone: "UTC" } });

/** What lite answers itself: fewer at once than it has connections, because some requests take a second one. */
export const liteGate = new Gate(Math.max(1, POOL - 2), WAIT_MS);
export { postgres };

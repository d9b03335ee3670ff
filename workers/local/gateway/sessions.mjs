// sessions.mjs: a person who has signed out is out at once.
// Stricter than hosted Supabase, where an access token lives on until it expires (at most an hour).
import { authPool } from "./database.mjs";
import { badToken } from "./errors.mjs";

const KEEP_MS = 1000, MOST = 10_000;
const seen = new Map();                                  // session id -> until when it need not be asked for again

/** A refusal when the session of these claims has ended, else undefined. Tokens without a session pass. */
export async function endedSession({ session_id: id }) {
  if (id === undefined || seen.get(id) > Date.now()) return undefined;
  const [row] = await authPool`select from auth.sessions where id = ${id}`;
  if (!row) return badToken("PGRST303", "JWT session has ended");
  if (seen.size >= MOST) seen.clear();
  seen.set(id, Date.now() + KEEP_MS);
  return undefined;
}

/** Called when somebody signs out or is removed through this gateway. */
export const forgetSessions = () => seen.clear();

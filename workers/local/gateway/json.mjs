// json.mjs: the names of a request's arguments, without reading their values.
// PostgREST picks a function by the names in the body; Postgres parses the values. Parsing 5 MB here as well would
// cost more than the call, so this walks over the text once and leaves it to Postgres to judge the values.

const QUOTE = 34, BACKSLASH = 92, OPEN_OBJECT = 123, CLOSE_OBJECT = 125, OPEN_LIST = 91, CLOSE_LIST = 93, COMMA = 44, COLON = 58;
const isSpace = (code) => code === 32 || code === 10 || code === 13 || code === 9;

function skipSpace(text, at) {
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Index after the string that opens at `at`, or -1. */
function skipString(text, at) {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return -1;
}

/** Index after the value that starts at `at`, or -1. Iterative: depth costs no stack. */
function skipValue(text, at) {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) {
    const start = at;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === COMMA || code === CLOSE_OBJECT || isSpace(code)) break;
    }
    return at > start ? at : -1;
  }
  for (let depth = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      if (at === -1) return -1;
      continue;
    }
    at++;
    if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && --depth === 0) return at;
  }
  return -1;
}

/**
 * The keys of the object that `text` is; null for any other JSON value; undefined for what cannot be JSON.
 * Values are only passed over: a broken one is found by Postgres.
 */
export function topLevelKeys(text) {
  let at = skipSpace(text, 0);
  if (at === text.length) return undefined;
  if (text.charCodeAt(at) !== OPEN_OBJECT) return null;
  const keys = new Set();
  at = skipSpace(text, at + 1);
  if (text.charCodeAt(at) === CLOSE_OBJECT) return skipSpace(text, at + 1) === text.length ? [] : undefined;
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return undefined;
    const end = skipString(text, at);
    if (end === -1) return undefined;
    try {
      keys.add(JSON.parse(text.slice(at, end)));
    } catch {
      return undefined;
    }
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COLON) return undefined;
    at = skipValue(text, skipSpace(text, at + 1));
    if (at === -1) return undefined;
    at = skipSpace(text, at);
    const code = text.charCodeAt(at);
    if (code === CLOSE_OBJECT) return skipSpace(text, at + 1) === text.length ? [...keys] : undefined;
    if (code !== COMMA) return undefined;
    at = skipSpace(text, at + 1);
  }
}

/** True when values stand inside each other more than `limit` deep. */
export function isDeeperThan(text, limit) {
  for (let at = 0, depth = 0; at !== -1 && at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at++;
    if ((code === OPEN_OBJECT || code === OPEN_LIST) && ++depth > limit) return true;
    if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return false;
}

/** True when the text is JSON; asked only after Postgres has refused it, to say whose fault it was. */
export function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

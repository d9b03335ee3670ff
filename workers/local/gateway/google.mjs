// google.mjs: with FLOW_FAKE_GOOGLE=1 a local page stands in for Google's sign-in. It asks for an address and
// believes it. lite's Google endpoints are fixed in its code, so its calls to them are answered here.
import { send } from "./http.mjs";
import { Refusal } from "./errors.mjs";

export const isFake = process.env.FLOW_FAKE_GOOGLE === "1";
export const PAGE = "/fake-google";
const ADDRESS = /^[^\s@<>"]+@[^\s@<>"]+$/;

const encode = (person) => Buffer.from(JSON.stringify(person)).toString("base64url");
const decode = (code) => JSON.parse(Buffer.from(code, "base64url").toString("utf8"));
const escape = (text) => text.replace(/[&"'<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Google's token and userinfo endpoints, for lite. The "code" is the person. */
export function answerForGoogle() {
  const outside = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const { href } = new URL(input.url ?? input);
    try {
      if (href === "https://oauth2.googleapis.com/token") {
        const code = new URLSearchParams(String(init.body)).get("code");
        decode(code);
        return Response.json({ access_token: code, token_type: "Bearer", expires_in: 3600 });
      }
      if (href === "https://www.googleapis.com/userinfo/v2/me") {
        const { email, name } = decode(new Headers(init.headers).get("authorization").slice("Bearer ".length));
        return Response.json({ id: email, email, verified_email: true, name });
      }
    } catch {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    return outside(input, init);
  };
}

/** lite's redirect to Google, sent to our page instead. */
export function redirected(location, origin) {
  return location?.startsWith("https://accounts.google.com/") ? `${origin}${PAGE}${new URL(location).search}` : null;
}

/** The page, and its answer. Returns people only to lite's own callback: it is no open redirect. */
export function googlePage(res, url, callback) {
  const given = url.searchParams;
  if (given.get("redirect_uri") !== callback) return send(res, new Refusal(400, { message: "redirect_uri is not this stack's callback" }));
  const email = given.get("email")?.trim().toLowerCase();
  if (email && ADDRESS.test(email)) {
    const back = new URL(callback);
    back.searchParams.set("state", given.get("state") ?? "");
    back.searchParams.set("code", encode({ email, name: given.get("name")?.trim() || email.split("@")[0] }));
    return send(res, { status: 302, headers: { location: back.href } });
  }
  const hidden = [...given].filter(([key]) => key !== "email" && key !== "name")
    .map(([key, value]) => `<input type="hidden" name="${escape(key)}" value="${escape(value)}">`).join("\n");
  send(res, {
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": "default-src 'none'", "cache-control": "no-store" },
    body: `<!doctype html><html lang="en"><title>Local sign-in</title><form><h1>Local stand-in for Google</h1>${hidden}
<p><label>Email <input type="email" name="email" required value="dev@example.com" autofocus></label></p>
<p><label>Name <input name="name" value=""></label></p><p><button>Sign in</button></p></form></html>`,
  });
}

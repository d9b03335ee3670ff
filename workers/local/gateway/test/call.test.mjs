import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, callOf, choose, identifier, isForLite, messageOf, milliseconds, quoter, readArguments, settingsOf } from "../call.mjs";
import { Refusal } from "../errors.mjs";

const f = (args, more = {}) => ({ args: args.map(([name, type]) => ({ name, type })), required: args.length, isSet: false, isVoid: false, isReadOnly: false, roleSettings: {}, ...more });
const add = f([["a", "integer"], ["b", "integer"]], { required: 1 });

test("a function is chosen by the names of its arguments", () => {
  assert.equal(choose([add], ["a"], "public", "add").f, add);
  assert.deepEqual(choose([add], ["b", "a"], "public", "add").args, add.args);
});
test("a missing or an unknown argument finds nothing", () => {
  for (const keys of [[], ["b"], ["a", "z"]]) assert.equal(choose([add], keys, "public", "add").body.code, "PGRST202");
  assert.equal(choose([add], null, "public", "add").status, 404);
});
test("two that fit are ambiguous", () => assert.equal(choose([add, f([["a", "text"]])], ["a"], "public", "add").status, 300));
test("one unnamed json argument takes the whole body", () => {
  assert.equal(choose([f([[null, "jsonb"]])], ["x"], "public", "whole").args, null);
  assert.equal(choose([f([[null, "json"]])], null, "public", "whole").args, null);
});

test("names are quoted as identifiers", () => {
  assert.equal(identifier('a"b'), '"a""b"');
  const text = callOf("pub\"lic", "f", choose([f([['x" int', "text"]])], ['x" int'], "p", "f"), "$q$$q$");
  assert.match(text, /"pub""lic"\."f"\("x"" int" := pgrst_body\."x"" int"\)/);
});
test("quoted text cannot end its quotes", () => {
  const evil = "$f$'; drop table x; --$$", quoted = quoter(evil)(evil), tag = /^\$f[0-9a-f]{24}\$/.exec(quoted)[0];

  assert.equal(quoted, tag + evil + tag);
  assert.notEqual(quoter(evil)(""), quoter(evil)(""));
});
test("a call sets its role before it runs, in one message", () => {
  const settings = settingsOf({ role: "anon", sub: "s" }, add, { schema: "worker", extra: ["public"], method: "POST", path: "/rpc/add",
    headers: { apikey: "k", authorization: "b", cookie: "c", "x-forwarded-for": "1.1.1.1" } });
  const text = messageOf("worker", "add", choose([add], ["a"], "worker", "add"), settings, '{"a":1}');

  assert.ok(text.indexOf("set_config('role'") < text.indexOf('"worker"."add"'));
  assert.equal(settings.search_path, '"worker", "public"');
  assert.deepEqual(JSON.parse(settings["request.headers"]), { "x-forwarded-for": "1.1.1.1" });
});
test("a stable function may not write", () => {
  const given = { schema: "public", extra: [], method: "POST", path: "/", headers: {} };
  assert.equal(settingsOf({ role: "anon" }, { ...add, isReadOnly: true }, given).transaction_read_only, "on");
  assert.equal(settingsOf({ role: "anon" }, add, given).transaction_read_only, undefined);
});

const BODIES = [
  ["", undefined, []], ["  ", "application/json", []], ['{"a":1}', "application/json; charset=utf-8", ["a"]], ["a=1&b=x+y", "application/x-www-form-urlencoded", ["a", "b"]],
  ["[1]", undefined, null],
];
for (const [text, type, keys] of BODIES)
  test(`body ${text || "(empty)"} as ${type}`, () => assert.deepEqual(readArguments(text, type, null).keys, keys));
for (const [text, type] of [["{", "application/json"], ["nope", undefined], ["{}", "text/plain"], ["<a/>", "text/xml"], ["{}", "nonsense"]])
  test(`body ${text} as ${type} is refused`, () => assert.equal(readArguments(text, type, null).status, 400));

test("answers", () => {
  const row = (n, r, more) => ({ n, r, status: null, headers: null, ...more }), one = "application/vnd.pgrst.object+json";
  assert.deepEqual(answerOf(f([], { isVoid: true }), row("1", null)), { status: 204, headers: {} });
  assert.equal(answerOf(f([]), row("1", null)).body, "null");
  assert.equal(answerOf(f([], { isSet: true }), row("1", '[{"a":1}]'), one).body, '{"a":1}');
  assert.equal(answerOf(f([], { isSet: true }), row("0", "[]"), one).body.code, "PGRST116");
  assert.equal(answerOf(f([]), row("1", "7", { status: "202", headers: '[{"x-a":"b"}]' })).status, 202);
  assert.ok(answerOf(f([]), row("1", "7", { status: "99" })) instanceof Refusal);
});
test("timeouts", () => assert.deepEqual(["3s", "8000", "2min", "250ms", "0", undefined, "odd"].map(milliseconds), [3000, 8000, 120_000, 250, 0, 0, 0]));
test("filters, pages and CSV are left to lite", () => {
  assert.equal(isForLite(new URLSearchParams("apikey=x&columns=a"), {}), false);
  assert.equal(isForLite(new URLSearchParams("id=eq.1"), {}), true);
  assert.equal(isForLite(new URLSearchParams(), { accept: "text/csv" }), true);
});

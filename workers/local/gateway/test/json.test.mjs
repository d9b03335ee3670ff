import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeeperThan, isJson, topLevelKeys } from "../json.mjs";

const OBJECTS = ['{}', ' { } ', '{"a":1}', '{"a":"}","b":["]",{"c":"\\""}]}', '{"a\\u0062":1}', '{"a":1,"a":2}', '{"":null}', '{"k":"\\\\"}',
  '{"a":{"b":{"c":[[[]]]}},\n"d":true , "e":-1.5e3}', '{"é😀":"नमस्ते"}', '{"a":"\\\\\\"x"}'];
for (const text of OBJECTS)
  test(`keys of ${text.trim()}`, () => assert.deepEqual(topLevelKeys(text), Object.keys(JSON.parse(text))));

for (const text of ["[]", "1", '"x"', "null", "[{}]"])
  test(`${text} has no keys`, () => assert.equal(topLevelKeys(text), null));

for (const text of ["", "  ", "{", '{"a"', '{"a":', '{"a":}', '{"a":1', '{"a":1,}', '{a:1}', '{"a":1}}', '{"a":1} x', '{"a":[1}', '{"a":"x}', '{"a" 1}', '{"a":1 "b":2}', '{"\\x":1}', '{"a":[', "{,}"])
  test(`${JSON.stringify(text)} is not JSON`, () => {
    const keys = topLevelKeys(text);
    assert.ok(keys === undefined || !isJson(text));
  });

test("depth costs no stack", () => {
  const text = `{"a":${"[".repeat(1e6)}${"]".repeat(1e6)},"b":1}`;
  assert.deepEqual(topLevelKeys(text), ["a", "b"]);
});

test("5 MB are walked over quickly", () => {
  const text = JSON.stringify({ body: "x".repeat(5e6), list: Array.from({ length: 5e4 }, (_, i) => ({ i, text: 'a "b" \\' })) });
  const start = performance.now();

  assert.deepEqual(topLevelKeys(text), ["body", "list"]);
  assert.ok(performance.now() - start < 500);
});

test("the keys of any object are those JSON.parse finds", () => {
  const value = (depth) => [1, null, "a\"\\b", [], {}, true, -2.5][Math.floor(Math.random() * 7)] ?? (depth ? [value(depth - 1)] : 0);
  for (let i = 0; i < 500; i++) {
    const object = Object.fromEntries(Array.from({ length: i % 7 }, (_, k) => [`k${k}"\\`.repeat(1 + (i % 2)), [value(2), { x: value(1) }]]));
    const text = JSON.stringify(object, null, i % 3);
    assert.deepEqual(topLevelKeys(text), Object.keys(object));
  }
});

test("depth is told, brackets in text do not count", () => {
  assert.equal(isDeeperThan("[[[]]]", 2), true);
  assert.equal(isDeeperThan('[["[[["], [[]], {}]', 3), false);
  assert.equal(isDeeperThan('["', 3), false);
});

"""Bytes that nobody should send harm nothing, and what is good among them goes through."""

import pytest

from tests.business import NUMBER, WABA, post, text, webhook
from tests.sql.ingest import ASHA, dead, reasons


def nested(levels):
    """A body that is nested so many levels deep: object, list, object, list, object, then lists."""
    own = 5
    return (
        b'{"entry":[{"id":"%s","changes":[{"field":"flows","value":' % WABA.encode()
        + b"[" * (levels - own) + b"]" * (levels - own) + b"}]}]}"
    )  # fmt: skip


WHOLE = [
    pytest.param(b"", "not_json", id="nothing"),
    pytest.param(b"hello", "not_json", id="words"),
    pytest.param(b'{"a":NaN}', "not_json", id="NaN"),
    pytest.param(b'{"a":Infinity}', "not_json", id="Infinity"),
    pytest.param(b'{"a":1,}', "not_json", id="trailing comma"),
    pytest.param(b'\xff{"a":1}', "not_json", id="not UTF-8"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', "not_json", id="a surrogate in UTF-8"),
    pytest.param(b'{"a":"\x00"}', "not_json", id="a raw NUL"),
    pytest.param(b'\xef\xbb\xbf{"entry":[]}', "not_json", id="a byte order mark"),
    pytest.param(nested(96), "too_deep", id="96 levels"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, "too_deep", id="100,000 levels"),
    pytest.param(b"[" * 100_000, ("too_deep", "not_json"), id="100,000 levels that never close"),
    pytest.param(b"[]", "not_a_webhook", id="a list"),
    pytest.param(b"{}", "not_a_webhook", id="an empty object"),
    pytest.param(b"null", "not_a_webhook", id="null"),
    pytest.param(b'{"entry":{}}', "not_a_webhook", id="entry is no list"),
    pytest.param(
        b'{"entry":{},"n":1e999999}', "not_a_webhook", id="entry is no list, and a number that fits nowhere"
    ),
]


@pytest.mark.parametrize(("body", "reason"), WHOLE)
def test_body_that_is_no_webhook_is_stored_and_put_aside_as_a_whole(business, db, body, reason):
    told = post(db, body)

    assert (told["applied"], told["dead"]) == (0, 1)
    assert reasons(db) == [reason] if isinstance(reason, str) else reasons(db)[0] in reason
    assert bytes(db.value("select body from private.webhook_events where id = %s", told["event_id"])) == body


def test_95_levels_are_taken(business, db):
    assert post(db, nested(95))["dead"] == 0


def raw_message(wamid, words=b'"Hi"', more=b""):
    return (
        b'{"id":"%s","from":"919810000011","timestamp":"1795000000","type":"text","text":{"body":%s}%s}'
        % (wamid, words, more)
    )  # fmt: skip


def around(*parts):
    metadata = b'"metadata":{"phone_number_id":"%s"}' % NUMBER.encode()
    return b'{"entry":[{"id":"%s","changes":[{"field":"messages","value":{%s,"messages":[%s]}}]}]}' % (
        WABA.encode(), metadata, b",".join(parts))  # fmt: skip


CLEANED = [
    pytest.param(rb'"a\u0000b"', "ab", id="NUL"),
    pytest.param(rb'"\u0000\u0000"', "", id="only NULs"),
    pytest.param(rb'"\\u0000"', "\\u0000", id="an escaped backslash before u0000"),
    pytest.param(rb'"\\\u0000x"', "\\x", id="a backslash, then NUL"),
    pytest.param(rb'"a\ud800b"', "a\ufffdb", id="a lone high surrogate"),
    pytest.param(rb'"a\udc00b"', "a\ufffdb", id="a lone low surrogate"),
    pytest.param(rb'"\ud800\ud800\udc00"', "\ufffd\U00010000", id="a lone one before a pair"),
    pytest.param(rb'"\udc00\ud800"', "\ufffd\ufffd", id="a pair the wrong way round"),
    pytest.param(rb'"\ud83d\ude4f\u0000"', "🙏", id="a pair beside a NUL"),
]


@pytest.mark.parametrize(("words", "kept"), CLEANED)
def test_text_that_postgres_cannot_hold_is_cleaned(business, db, words, kept):
    told = post(db, around(raw_message(b"bad", words), raw_message(b"good")))

    assert told["dead"] == 0, dead(db)
    assert business.message("bad")["text"] == kept
    assert business.message("good")["text"] == "Hi"


BROKEN = [
    pytest.param(b"5", "message_not_an_object", id="a number"),
    pytest.param(b"null", "message_not_an_object", id="null"),
    pytest.param(b"[]", "message_not_an_object", id="a list"),
    pytest.param(b"{}", "id_missing", id="an empty object"),
    pytest.param(b'{"id":"","timestamp":"1"}', "id_missing", id="an empty id"),
    pytest.param(b'{"id":"%s","timestamp":"1"}' % (b"x" * 513), "id_too_long", id="an endless id"),
    pytest.param(b'{"id":"x","from":"1","type":"text"}', "timestamp_invalid", id="no timestamp"),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"yesterday"}', "timestamp_invalid", id="a timestamp in words"
    ),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000000"}',
        "timestamp_invalid",
        id="a timestamp in milliseconds",
    ),
    pytest.param(b'{"id":"x","from":"1","timestamp":-5}', "timestamp_invalid", id="a time before time"),
    pytest.param(b'{"id":"x","timestamp":"1795000000","type":"text"}', "sender_missing", id="nobody sent it"),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000","type":"reaction"}',
        "target_missing",
        id="a reaction to nothing",
    ),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000","type":"edit","edit":7}',
        "target_missing",
        id="an edit of nothing",
    ),
    pytest.param(
        b'{"id":"x","timestamp":"1795000000","type":"system","system":{"type":"user_changed_user_id"}}',
        "sender_missing",
        id="a change of nobody",
    ),
    pytest.param(
        raw_message(b"x", b'"Hi"', b',"n":1e999999'), "value_out_of_range", id="a number that fits nowhere"
    ),
    pytest.param(rb'{"id":"x\ud800","n":1e999999}', "value_out_of_range", id="two troubles at once"),
]


@pytest.mark.parametrize(("item", "reason"), BROKEN)
def test_broken_update_is_put_aside_and_its_neighbours_go_through(business, db, item, reason):
    told = post(db, around(raw_message(b"before"), item, raw_message(b"after")))

    assert (told["updates"], told["applied"], told["dead"]) == (3, 2, 1)
    assert reasons(db) == [reason]
    assert business.message("before")["text"] == business.message("after")["text"] == "Hi"


def test_many_broken_updates_among_many_good_ones(business, db):
    parts = [
        raw_message(b"m%d" % i) if i % 50 else b'{"id":"b%d","timestamp":"1795000000","type":"text"}' % i
        for i in range(1000)
    ]

    told = post(db, around(*parts))

    assert (told["applied"], told["dead"]) == (980, 20)


ENTRIES = [
    pytest.param([1, None, "x"], 3, id="entries that are no objects"),
    pytest.param([{"id": WABA}], 1, id="an entry without changes"),
    pytest.param([{"id": WABA, "changes": 5}], 1, id="changes that are no list"),
    pytest.param(
        [{"id": WABA, "changes": [7, {}, {"field": "messages"}, {"field": "messages", "value": []}]}],
        4,
        id="broken changes",
    ),
    pytest.param(
        [{"id": WABA, "changes": [{"field": "messages", "value": {"messages": {}}}]}],
        1,
        id="messages that are no list",
    ),
    pytest.param([{"id": WABA, "changes": [{"field": "moonphase", "value": {}}]}], 1, id="an unknown field"),
    pytest.param(
        [{"id": WABA, "changes": [{"field": "messages", "value": {"messages": [text("w")]}}]}],
        1,
        id="no metadata",
    ),
    pytest.param([], 0, id="no entry"),
    pytest.param([{"id": WABA, "changes": []}], 0, id="no changes"),
]


@pytest.mark.parametrize(("entries", "number"), ENTRIES)
def test_broken_entries_are_counted_and_a_good_one_beside_them_is_applied(business, db, entries, number):
    good = webhook(business.change({"messages": [text("good")]}))["entry"]

    told = post(db, {"object": "whatsapp_business_account", "entry": entries + good})

    assert (told["applied"], told["dead"]) == (1, number)
    assert len(dead(db)) == number
    assert business.message("good")


UNKNOWN = "A message of a kind that Flow does not know ({})"

UNHEARD_OF = [
    pytest.param(
        {"type": "hologram", "hologram": {"a": 1}}, "hologram", UNKNOWN.format("hologram"), id="a new type"
    ),
    pytest.param({"type": "image"}, "image", None, id="a type without its object"),
    pytest.param({"type": "text", "text": "words"}, "text", None, id="text that is no object"),
    pytest.param({"type": "text", "text": {"body": 5}}, "text", "5", id="a number for words"),
    pytest.param({"type": 5}, "5", UNKNOWN.format(5), id="a number for a type"),
    pytest.param({}, "unknown", "A message of an unknown kind", id="no type"),
    pytest.param({"type": "x" * 5000}, "x" * 64, UNKNOWN.format("x" * 64), id="an endless type"),
    pytest.param(
        {"type": "text", "text": {"body": "Hi"}, "context": 7, "referral": None},
        "text",
        "Hi",
        id="odd extras",
    ),
    pytest.param({"type": "contacts", "contacts": {}}, "contacts", None, id="contacts that are no list"),
]


@pytest.mark.parametrize(("item", "kind", "words"), UNHEARD_OF)
def test_message_of_an_unheard_of_shape_is_stored_as_it_is(business, item, kind, words):
    told = business.hear({"id": "w1", "from": ASHA, "timestamp": "1795000000", **item})

    assert told["dead"] == 0
    stored = business.message("w1")
    assert (stored["kind"], stored["text"]) == (kind, words)


ODD_PEOPLE = [[], [7], {}, "x", [{"profile": 5, "wa_id": ASHA}], [{"profile": {"name": 7}, "wa_id": ASHA}], [{"wa_id": None}],
              [{"profile": {"name": "  "}, "wa_id": ASHA}], [{"profile": {"name": "x" * 10000}, "wa_id": ASHA}]]  # fmt: skip


@pytest.mark.parametrize("people", ODD_PEOPLE, ids=lambda people: str(people)[:40])
def test_odd_contacts_do_not_lose_the_message(business, db, people):
    told = post(db, webhook(business.change({"contacts": people, "messages": [text("w1")]})))

    assert told["dead"] == 0
    assert business.message("w1")
    assert len(business.contact(ASHA)["name"] or "") <= 200


ODD_IDS = ["abc", "1" * 400, "0123", "+919810000011", "91 98100"]


@pytest.mark.parametrize("sender", ODD_IDS, ids=lambda sender: sender[:20])
def test_sender_that_is_no_phone_number_is_a_contact_without_phone(business, sender):
    assert business.hear(text("w1", sender=sender))["dead"] == 0

    assert business.contact(sender)["phone"] is None


def test_3_megabytes_in_a_thousand_updates_are_one_event(business, db):
    parts = [raw_message(b"m%d" % i, b'"%s"' % (b"x" * 3000)) for i in range(1000)]

    told = post(db, around(*parts))

    assert (told["applied"], told["dead"]) == (1000, 0)

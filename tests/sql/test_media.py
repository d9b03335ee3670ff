"""Files of messages: noted as messages come in, handed out, settled; and who may touch them."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import WABA, Business, call, post, webhook
from tests.database import Database, Person

DIGEST = "01" * 32
IN_BASE64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
Row = dict[str, Any]


def image(business: Business, wamid: str = "wamid.1", at: int | None = None, **file: object) -> Row:
    """Let a customer send a picture; the answer of the border."""
    return business.hear(
        {"from": "919810000011", "id": wamid, "timestamp": str(at or business.now()), "type": "image",
         "image": {"id": "555", "mime_type": "image/jpeg", "sha256": IN_BASE64, **file}}
    )  # fmt: skip


def media(business: Business) -> list[Row]:
    return business.table("public.media", "created_at, meta_id")


def settle(business: Business, **result: object) -> Row:
    """Claim what is due, report this of it, and give the row."""
    claim = call(business.db, "claim_media")
    results = [{"org_id": i["org_id"], "media_id": i["media_id"], **result} for i in claim["items"]]
    call(business.db, "record_media", lease=claim["lease"], results=results)
    return media(business)[0]


def test_a_picture_is_noted_once_with_its_digest_in_hex(business: Business) -> None:
    for _ in range(2):
        image(business, filename="a.jpg")

    (row,) = media(business)
    assert (row["status"], row["direction"], row["kind"], row["sha256"]) == (
        "pending",
        "inbound",
        "image",
        DIGEST,
    )
    assert row["path"] == f"{business.org_id}/{row['created_at'][:4]}/{row['created_at'][5:7]}/{row['id']}"
    assert (row["meta_id"], row["filename"]) == ("555", "a.jpg")


@pytest.mark.parametrize(
    "file",
    [
        pytest.param({"id": None}, id="without an id"),
        pytest.param({"id": "../../etc"}, id="with a path for an id"),
        pytest.param({"id": {"a": 1}}, id="with an object for an id"),
        pytest.param({"id": "1?fields=x"}, id="with a query in it"),
    ],
)
def test_a_file_without_a_usable_id_is_a_message_without_a_file(business: Business, file: Row) -> None:
    answer = image(business, **file)

    assert (answer["applied"], media(business)) == (1, [])


@pytest.mark.parametrize("body", ["text", ["x"], {"image": "x"}])
def test_odd_shapes_do_no_harm(business: Business, body: object) -> None:
    message = {
        "from": "919810000011",
        "id": "wamid.odd",
        "timestamp": str(business.now()),
        "type": "image",
        "image": body,
    }

    assert business.hear(message)["dead"] == 0
    assert media(business) == []


def test_what_an_edit_brings_is_noted_too_and_only_once(business: Business) -> None:
    image(business)
    edit = {
        "original_message_id": "wamid.1",
        "message": {"type": "image", "image": {"id": "556", "mime_type": "image/png"}},
    }
    message = {
        "from": "919810000011",
        "id": "wamid.edit",
        "timestamp": str(business.now()),
        "type": "edit",
        "edit": edit,
    }
    for _ in range(2):
        business.hear(message)
    same = {
        **message,
        "id": "wamid.edit.2",
        "edit": {**edit, "message": {"type": "image", "image": {"id": "555", "caption": "New"}}},
    }
    business.hear(same)

    assert [row["meta_id"] for row in media(business)] == ["555", "556"]
    assert len({row["message_id"] for row in media(business)}) == 1


def test_a_status_never_comes_near_the_trigger_of_edits(business: Business) -> None:
    condition = business.db.value(
        "select pg_get_triggerdef(oid) from pg_trigger where tgname = 'messages_note_edited_media'"
    )

    assert "UPDATE OF edits" in condition
    assert "IS DISTINCT FROM" in condition


def test_a_claim_carries_what_the_worker_needs_and_is_nobody_elses(business: Business) -> None:
    image(business)

    claim = call(business.db, "claim_media")
    (item,) = claim["items"]

    assert claim["tokens"] == {str(business.account_id): "EAAtoken"}
    assert (item["phone_number_id"], item["meta_id"], item["max_bytes"]) == (
        business.phone_number_id,
        "555",
        5242880,
    )
    assert call(business.db, "claim_media")["items"] == []
    business.db.execute("update public.media set next_at = now() where org_id = %s", [business.org_id])
    assert len(call(business.db, "claim_media")["items"]) == 1  # the worker died


def test_numbers_take_turns(business: Business, org: Callable[..., UUID]) -> None:
    quiet = Business(business.db, org())
    for n in range(5):
        image(business, f"wamid.{n}", id=str(n))
    image(quiet, "wamid.quiet")
    business.db.execute(
        "update public.media set next_at = now() - interval '1 minute' where org_id = %s", [business.org_id]
    )

    items = call(business.db, "claim_media", batch=2)["items"]

    assert {item["org_id"] for item in items} == {str(business.org_id), str(quiet.org_id)}


RESULTS = [
    pytest.param({"outcome": "stored", "bytes": 3, "sha256": DIGEST}, "stored", None, id="stored"),
    pytest.param(
        {"outcome": "retry", "slug": "too_slow", "words": "Slow"}, "pending", "Slow", id="to be tried again"
    ),
    pytest.param(
        {"outcome": "refused", "slug": "too_large", "words": "Large"}, "refused", "Large", id="refused"
    ),
    pytest.param({"outcome": "failed", "slug": "x", "words": "No"}, "failed", "No", id="failed"),
    pytest.param(
        {"outcome": "retry", "code": 100, "words": "?"},
        "failed",
        "Meta does not have the file any more",
        id="unknown to Meta",
    ),
    pytest.param(
        {"outcome": "retry", "code": 131000, "words": "Later"}, "pending", "Later", id="Meta is ill"
    ),
    pytest.param({"outcome": "retry", "code": 131052, "words": "No"}, "failed", "No", id="Meta cannot"),
]


@pytest.mark.parametrize(("result", "status", "words"), RESULTS)
def test_a_result_settles_the_file_and_the_row_says_why(
    business: Business, result: Row, status: str, words: str
) -> None:
    image(business)

    row = settle(business, **result)

    assert (row["status"], row["error"], row["lease"]) == (status, words, None)
    assert (row["next_at"] is not None) == (status == "pending")


def test_tries_lie_ever_further_apart_and_end_with_metas_seven_days(business: Business) -> None:
    image(business)
    waits = []
    for _ in range(14):
        row = settle(business, outcome="retry", slug="x", words="Not yet")
        waits.append(
            business.db.value(
                "select extract(epoch from next_at - now())::float8 from public.media where id = %s",
                row["id"],
            )
        )
        business.db.execute("update public.media set next_at = now() where id = %s", [row["id"]])
    business.db.execute(
        "update public.media set meta_expires_at = now() where org_id = %s", [business.org_id]
    )
    business.db.execute("select private.wake_media()")

    assert 5 <= waits[0] <= 10
    assert 10800 <= waits[-1] <= 21600
    (row,) = media(business)
    assert (row["status"], row["error_slug"]) == ("failed", "expired")
    assert row["error"] == "Meta keeps a received file for 7 days, and they are over. Last: Not yet"


def test_what_meta_asks_to_wait_is_waited(business: Business) -> None:
    image(business)

    row = settle(business, outcome="retry", code=4, words="Rate", retry_after=3600)

    assert business.db.value(
        "select next_at >= now() + interval '1 hour' from public.media where id = %s", row["id"]
    )


@pytest.mark.parametrize(
    ("since", "status"),
    [
        pytest.param("1 day", "reconnect", id="an old connection"),
        pytest.param("1 minute", "connected", id="connected again meanwhile"),
    ],
)
def test_a_dead_token_asks_for_a_new_connection_and_the_file_waits(
    business: Business, since: str, status: str
) -> None:
    business.db.execute(
        """
        create or replace function private.ask_reconnect(org_id uuid, account_id uuid, reason text) returns void language sql as
          $$ update public.whatsapp_accounts a set status = 'reconnect', status_reason = ask_reconnect.reason
              where a.org_id = ask_reconnect.org_id and a.id = ask_reconnect.account_id $$
        """
    )
    image(business)
    business.db.execute(f"update public.whatsapp_accounts set connected_at = now() - interval '{since}'")

    row = settle(business, outcome="retry", code=190, words="Token")
    business.db.execute("update public.media set next_at = now() where id = %s", [row["id"]])

    waiting = call(business.db, "claim_media")["items"]
    assert (row["status"], business.account()["status"]) == ("pending", status)
    assert [item["media_id"] for item in waiting] == ([row["id"]] if status == "connected" else [])


def test_a_disconnect_fails_what_is_still_awaited_in_words(business: Business) -> None:
    image(business)
    call(business.db, "disconnect_whatsapp", org_id=business.org_id)

    business.db.execute("select private.sweep()")

    (row,) = media(business)
    assert (row["status"], row["error"]) == (
        "failed",
        "The WhatsApp number was disconnected before the file was fetched",
    )


# What members do


@pytest.fixture
def agent(business: Business, member: Callable[..., Person]) -> Person:
    return member(business.org_id, "agent")


def upload(business: Business, agent: Person, kind: str = "image", **given: object) -> Row:
    """An upload up to the moment where its bytes are in the bucket."""
    db = business.db
    db.as_person(agent)
    made: Row = db.value(
        "select public.start_upload(%s, %s, number_id => %s, filename => 'price list.pdf')",
        business.org_id,
        kind,
        business.number_id,
    )
    db.as_operator()
    file = {"bytes": 3, "sha256": DIGEST, "mime_type": "image/png"}
    made["claim"] = call(db, "finish_upload", org_id=business.org_id, media_id=made["media_id"], file=file)
    return made


def test_an_upload_is_ready_to_be_sent_once_meta_has_it(business: Business, agent: Person) -> None:
    db = business.db
    made = upload(business, agent)
    for_sending = "select private.media_for_sending(%s, %s, %s, %s)"
    args = (business.org_id, made["media_id"], "image", business.phone_number_id)
    early = db.refusal(for_sending, *args)
    (item,) = made["claim"]["items"]
    result = {"org_id": item["org_id"], "media_id": item["media_id"], "outcome": "uploaded", "meta_id": "777"}
    told = call(db, "record_media", lease=made["claim"]["lease"], results=[result])

    ready = db.value(for_sending, *args)
    wrong_kind = db.refusal(for_sending, *args[:2], "document", business.phone_number_id)
    wrong_number = db.refusal(for_sending, *args[:3], "1")
    db.execute("update public.media set meta_expires_at = now() where id = %s", [made["media_id"]])
    late = db.refusal(for_sending, *args)

    assert told["media"][0]["status"] == "stored"
    assert ready == {"id": "777", "filename": "price list.pdf", "mime_type": "image/png"}
    assert [r.sqlstate + " " + r.detail for r in (early, wrong_kind, wrong_number, late)] == [
        "PT409 media_not_ready", "PT422 media_kind", "PT404 media_unknown", "PT409 media_expired",
    ]  # fmt: skip


def test_an_upload_that_meta_forgot_is_renewed(business: Business, agent: Person) -> None:
    db, made = business.db, upload(business, agent)
    db.execute(
        "update public.media set status = 'stored', next_at = null, lease = null, meta_id = '7', meta_expires_at = now() + interval '3 days'"
    )
    db.as_person(agent)

    answer = db.value("select public.retry_media(%s, %s)", business.org_id, made["media_id"])
    db.as_operator()

    assert answer == {"media_id": made["media_id"], "status": "pending"}
    assert [item["media_id"] for item in call(db, "claim_media")["items"]] == [made["media_id"]]


def test_an_upload_that_a_scheduled_message_needs_is_renewed_in_time(
    business: Business, agent: Person
) -> None:
    db, needed, idle = business.db, upload(business, agent), upload(business, agent)
    db.execute(
        "update public.media set status = 'stored', next_at = null, lease = null, meta_expires_at = now() + interval '1 day'"
    )
    image(business)
    db.execute(
        """
        create table if not exists public.scheduled_messages
          (org_id uuid, conversation_id uuid, spec jsonb, send_at timestamptz, origin text, status text default 'waiting')
        """
    )
    db.execute(
        "insert into public.scheduled_messages (org_id, conversation_id, spec, send_at, origin)"
        " select org_id, id, %s, now(), 'person' from public.conversations where org_id = %s",
        [json.dumps({"kind": "image", "media_id": needed["media_id"].upper()}), business.org_id],
    )

    db.execute("select private.clean_up()")

    renewed = {
        row["id"] for row in media(business) if row["status"] == "pending" and row["direction"] == "outbound"
    }
    assert renewed == {needed["media_id"]}
    assert idle["media_id"] not in renewed


def test_an_upload_of_which_nothing_came_is_settled_within_the_hour(
    business: Business, agent: Person
) -> None:
    db = business.db
    db.as_person(agent)
    db.execute("select public.start_upload(%s, 'image', %s)", [business.org_id, business.number_id])
    db.as_operator()
    db.execute("update public.media set created_at = now() - interval '61 minutes'")

    db.execute("select private.wake_media()")

    assert [(row["status"], row["error"]) for row in media(business)] == [
        ("failed", "The upload was interrupted: send the file again")
    ]


REFUSALS = [
    pytest.param("kind => 'text', number_id => %(number)s", "PT422", "media_kind", id="no kind of file"),
    pytest.param("kind => 'image'", "PT404", "number_unknown", id="for no number"),
    pytest.param(
        "kind => 'image', conversation_id => gen_random_uuid()",
        "PT404",
        "number_unknown",
        id="for no conversation",
    ),
]


@pytest.mark.parametrize(("args", "state", "slug"), REFUSALS)
def test_an_upload_is_refused_before_it_begins(
    business: Business, agent: Person, args: str, state: str, slug: str
) -> None:
    business.db.as_person(agent)
    args = args.replace("%(number)s", f"'{business.number_id}'")

    refused = business.db.refusal(f"select public.start_upload('{business.org_id}', {args})")

    assert (refused.sqlstate, refused.detail) == (state, slug)


def test_a_file_is_tried_again_when_a_person_asks(business: Business, agent: Person) -> None:
    image(business)
    row = settle(business, outcome="failed", slug="x", words="No")
    again = f"select public.retry_media('{business.org_id}', '{row['id']}')"
    business.db.as_person(agent)

    business.db.execute(again.encode())
    business.db.as_operator()
    stored = settle(business, outcome="stored", bytes=3, sha256=DIGEST)
    business.db.as_person(agent)
    twice = business.db.refusal(again)
    business.db.as_operator()
    business.db.execute("update public.media set status = 'failed', meta_expires_at = now()")
    business.db.as_person(agent)
    late = business.db.refusal(again)

    assert (stored["status"], stored["attempts"], twice.detail, late.detail) == (
        "stored",
        1,
        "media_stored",
        "media_expired",
    )


def test_what_is_to_be_purged_is_listed_and_forgotten_and_nothing_else(
    business: Business, org: Callable[..., UUID]
) -> None:
    other = Business(business.db, org())
    image(business), image(business, "wamid.2"), image(other, "wamid.3")
    rows = media(business)
    one = {"org_id": business.org_id, "message_id": rows[0]["message_id"]}

    listed = call(business.db, "media_to_purge", **one)
    foreign = call(business.db, "media_to_purge", org_id=other.org_id, message_id=rows[0]["message_id"])
    gone = business.db.value("select worker.media_purged(%s, '{}')", business.org_id)
    paths = [row["path"] for row in (*rows, *media(other))]
    done = business.db.value("select worker.media_purged(%s, %s)", business.org_id, paths)

    assert (listed, foreign) == ({"paths": [rows[0]["path"]]}, {"paths": []})
    assert (gone, done) == ({"purged": 0}, {"purged": 2})
    assert len(media(other)) == 1


def test_a_deleted_message_leaves_its_file_to_be_purged(business: Business) -> None:
    image(business)
    business.db.execute("delete from public.messages where org_id = %s", [business.org_id])

    assert len(call(business.db, "media_to_purge", org_id=business.org_id)["paths"]) == 1


def test_members_see_files_but_never_write_or_see_leases(business: Business, agent: Person) -> None:
    image(business)
    db = business.db
    db.as_person(agent)

    assert db.value("select meta_id from public.media") == "555"
    for forbidden in ("select lease from public.media", "update public.media set path = 'x'", "delete from public.media",
                      "insert into public.media (org_id) values (gen_random_uuid())"):  # fmt: skip
        assert db.refusal(forbidden).sqlstate == "42501"


# The bucket


@pytest.mark.parametrize("who", ["agent", "stranger", "anon"])
def test_the_bucket_opens_to_members_for_reading_only(
    business: Business, agent: Person, person: Callable[..., Person], org: Callable[..., UUID], who: str
) -> None:
    db = business.db
    stranger = person("stranger")
    theirs = org(stranger)
    add = "insert into storage.objects (bucket_id, name, version) values ('media', %s, '1')"
    names = [
        f"{business.org_id}/2026/11/{uuid4()}",
        f"{theirs}/2026/11/{uuid4()}",
        "loose",
        "x/y",
        f"x/{business.org_id}/y",
    ]
    for name in names:
        db.execute(add, [name])
    if who == "anon":
        db.as_anon()
    else:
        db.as_person(agent if who == "agent" else stranger)

    seen = {name for (name,) in db.rows("select name from storage.objects where bucket_id = 'media'")} & set(
        names
    )
    mine = {"agent": {names[0]}, "stranger": {names[1]}, "anon": set[str]()}[who]
    written = db.refusal(add, names[0] + "x")
    changed = db.execute("update storage.objects set name = name || 'x' where bucket_id = 'media'").rowcount

    assert (seen, written.sqlstate, changed) == (mine, "42501", 0)


def test_the_bucket_is_private_and_takes_what_whatsapp_takes(db: Database) -> None:
    bucket = db.row(
        "select public, file_size_limit, allowed_mime_types from storage.buckets where id = 'media'"
    )

    assert bucket == (False, 104857600, None)


def test_a_set_of_messages_without_files_costs_one_look(business: Business) -> None:
    """No row, no wake-up, whatever else comes."""
    answer = post(
        business.db,
        webhook(
            business.change({"messages": [
                {"from": f"9198100{n:05d}", "id": f"wamid.t{n}", "timestamp": str(business.now()), "type": "text", "text": {"body": json.dumps(n)}}
                for n in range(50)
            ]}),
            waba=WABA,
        ),
    )  # fmt: skip

    assert (answer["applied"], media(business)) == (50, [])

"""Templates are read from Meta when due, kept as Meta has them, and shown as they will look."""

import json
from uuid import UUID, uuid4

import pytest

from tests.business import Business, call, fresh_org
from tests.sql.templates import CODE_BODY, FLOW, OTP, REPLY, URL, body, buttons, header, stored, template

HELLO = template("hello", body("Hi {{1}}, about {{2}}"))


@pytest.fixture
def shop(db):
    db.execute("update private.template_syncs set next_at = 'infinity'")
    made = Business(db, fresh_org(db))
    stored(made, HELLO)
    # The real one also removes the token; a database without it gets one that only says so.
    if not db.value("select to_regprocedure('private.ask_reconnect(uuid,uuid,text)') is not null"):
        db.execute(
            """
            create function private.ask_reconnect(org_id uuid, account_id uuid, reason text) returns void
              language sql as $$ update public.whatsapp_accounts a set status = 'reconnect' where a.id = $2 $$
            """
        )
    return made


def found(shop, name="hello"):
    (row,) = [t for t in shop.table("public.message_templates") if t["name"] == name]
    return row


def sync(shop):
    (row,) = shop.table("private.template_syncs")
    return row


# What a template takes ------------------------------------------------------------------------------------------

TAKES = [
    pytest.param([body("Paid.")], "UTILITY", None, [], [], id="nothing"),
    pytest.param([body("{{2}} {{1}} {{2}} {{10}}")], "UTILITY", None, ["1", "2", "10"], [], id="numbers in their order"),
    pytest.param([body("Dear {{ who }}, {{what}}")], "UTILITY", None, ["who", "what"], [], id="names as they appear"),
    pytest.param([header("For {{1}}"), body("x")], "UTILITY", {"format": "TEXT", "names": ["1"], "count": 1}, [], [], id="header"),
    pytest.param([header(form="LOCATION"), body("x")], "UTILITY", {"format": "LOCATION", "names": [], "count": 0}, [], [], id="place"),
    pytest.param([body("x"), buttons(REPLY, URL, FLOW, {"type": "CATALOG"})], "UTILITY", None, [],
                 [("QUICK_REPLY", "optional"), ("URL", "required"), ("FLOW", "optional"), ("CATALOG", None)], id="buttons"),
    pytest.param([CODE_BODY, buttons(OTP)], "AUTHENTICATION", None, ["1"], [("OTP", "required")], id="code"),
    pytest.param([{"type": "BODY"}, buttons({"type": "OTP"})], "AUTHENTICATION", None, ["1"], [("OTP", "required")], id="code in brief"),
    pytest.param("nonsense", "UTILITY", None, [], [], id="nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(("components", "category", "head", "names", "pressed"), TAKES)
def test_what_a_template_takes_is_worked_out_when_it_is_stored(
    shop, components, category, head, names, pressed
):
    stored(shop, template("t", category=category) | {"components": components})

    takes = found(shop, "t")["parameters"]

    assert (takes["header"], takes["body"]) == (head, {"names": names, "count": len(names)})
    assert [(b["index"], b["type"], b["needs"]) for b in takes["buttons"]] == [
        (i, *b) for i, b in enumerate(pressed)
    ]
    assert takes["unsupported"] == ("button CATALOG" if ("CATALOG", None) in pressed else None)


def test_columns_follow_whoever_changes_the_components(shop, db):
    db.execute(
        "update public.message_templates set components = %s, parameter_format = 'NAMED' where org_id = %s",
        [json.dumps([body("Dear {{who}}")]), shop.org_id],
    )

    row = found(shop)
    assert (row["body_params"], row["body_param_names"]) == (1, ["who"])
    assert row["parameters"]["body"]["names"] == ["who"]


# Reading them ---------------------------------------------------------------------------------------------------


def claimed(db, shop):
    accounts = call(db, "claim_template_syncs", batch=100, lease_seconds=300)["accounts"]
    return [a for a in accounts if UUID(a["org_id"]) == shop.org_id]


def make_due(shop, db):
    db.execute(
        "update private.template_syncs set next_at = now(), synced_at = null where org_id = %s", [shop.org_id]
    )


def test_an_account_is_read_soon_after_connecting_then_once_a_day(db):
    shop = Business(db, fresh_org(db))
    fresh = db.value("select next_at - now() from private.template_syncs where org_id = %s", shop.org_id)

    stored(shop, HELLO)

    assert fresh.total_seconds() >= 10
    assert (
        db.value("select next_at - now() from private.template_syncs where org_id = %s", shop.org_id).days
        == 1
    )


def test_an_account_that_is_due_is_claimed_once_with_its_token(shop, db):
    make_due(shop, db)

    (access,) = claimed(db, shop)

    assert (access["waba_id"], access["token"], access["account_id"]) == (
        shop.waba,
        "EAAtoken",
        shop.account_id,
    )
    assert claimed(db, shop) == []
    db.execute("update private.template_syncs set lease_until = now() where org_id = %s", [shop.org_id])
    assert len(claimed(db, shop)) == 1


@pytest.mark.parametrize("status", ["reconnect", "disconnected"])
def test_an_account_that_is_not_connected_is_not_read(shop, db, status):
    make_due(shop, db)
    db.execute("update public.whatsapp_accounts set status = %s where org_id = %s", [status, shop.org_id])

    assert claimed(db, shop) == []


def test_wanting_a_sync_makes_it_due_but_not_more_than_once_a_minute(shop, db):
    db.execute(
        "update private.template_syncs set synced_at = now() - interval '1 hour' where org_id = %s",
        [shop.org_id],
    )

    db.execute("select private.want_template_sync(%s, %s)", [shop.org_id, shop.account_id])
    assert len(claimed(db, shop)) == 1

    stored(shop, HELLO)
    db.execute("select private.want_template_sync(%s, %s)", [shop.org_id, shop.account_id])
    assert claimed(db, shop) == []
    assert db.value(
        "select next_at = now() + interval '1 minute' from private.template_syncs where org_id = %s",
        shop.org_id,
    )


def test_a_failed_reading_is_tried_again_ever_later(shop, db):
    waits = []
    for _ in range(3):
        make_due(shop, db)
        claimed(db, shop)
        call(
            db,
            "template_sync_failed",
            org_id=shop.org_id,
            account_id=shop.account_id,
            problem="Meta was away",
        )
        waits.append(
            db.value(
                "select next_at - now() from private.template_syncs where org_id = %s", shop.org_id
            ).seconds
        )

    assert waits == [300, 600, 1200]
    assert (sync(shop)["problem"], shop.account()["status"]) == ("Meta was away", "connected")
    stored(shop, HELLO)
    assert (sync(shop)["problem"], sync(shop)["failures"]) == (None, 0)


def test_a_token_that_meta_refuses_asks_to_connect_again(shop, db):
    call(db, "template_sync_failed", org_id=shop.org_id, account_id=shop.account_id, problem="no", code=190)

    assert shop.account()["status"] == "reconnect"


def test_the_sweep_wakes_the_job_when_an_account_is_due(shop, db):
    db.execute("update private.wakeups set asked_at = '-infinity'")
    db.execute("select private.wake_templates()")
    idle = db.value("select asked_at = '-infinity' from private.wakeups where job = 'templates'")
    make_due(shop, db)

    db.execute("select private.configure('http://127.0.0.1:9', 'secret')")
    db.execute("select private.sweep()")

    assert idle
    assert db.value("select asked_at > now() from private.wakeups where job = 'templates'")


def test_what_meta_no_longer_has_is_deleted_and_comes_back(shop):
    stored(shop)
    assert found(shop)["status"] == "DELETED"

    stored(shop, HELLO)
    assert found(shop)["status"] == "APPROVED"


def test_a_list_in_parts_deletes_only_after_the_last(shop, db):
    stored(shop, HELLO, template("old", body("x")))
    read_at = str(db.value("select clock_timestamp()"))
    part = {"org_id": shop.org_id, "account_id": shop.account_id, "read_at": read_at}

    call(db, "store_templates", templates=[template("new", body("x"))], is_last=False, **part)
    between = {t["name"]: t["status"] for t in shop.table("public.message_templates")}
    call(db, "store_templates", templates=[HELLO], is_last=True, **part)

    assert {name for name, status in between.items() if status == "APPROVED"} == {"hello", "old", "new"}
    assert found(shop, "old")["status"] == "DELETED"
    assert (found(shop)["status"], found(shop, "new")["status"]) == ("APPROVED", "APPROVED")


def test_a_list_read_before_a_change_does_not_undo_it(shop, db):
    before = db.value("select clock_timestamp()")
    db.execute("update public.message_templates set status = 'PAUSED' where org_id = %s", [shop.org_id])

    for listed in ([HELLO], []):
        call(
            db,
            "store_templates",
            org_id=shop.org_id,
            account_id=shop.account_id,
            templates=listed,
            read_at=str(before),
        )

    assert found(shop)["status"] == "PAUSED"
    stored(shop, HELLO)
    assert found(shop)["status"] == "APPROVED"


def test_a_changed_category_is_noted_with_what_it_was(shop):
    stored(shop, HELLO | {"category": "MARKETING", "quality_score": {"score": "GREEN"}})

    row = found(shop)
    assert (row["category"], row["category_was"], row["quality"]) == ("MARKETING", "UTILITY", "GREEN")
    assert row["category_at"]


def test_6000_templates_are_stored_in_one_call(shop, db):
    many = [
        template(f"t{n}", header("A {{1}}"), body("Dear {{1}}, {{2}}."), buttons(URL)) for n in range(6000)
    ]

    stored(shop, *many)

    assert (
        db.value(
            "select count(*) from public.message_templates where org_id = %s and status = 'APPROVED'",
            shop.org_id,
        )
        == 6000
    )


def test_who_depends_on_a_template_is_told_that_it_changed(shop, db):
    db.execute("create temporary table told (id uuid) on commit drop")
    db.execute(
        """
        drop function if exists private.template_changed(uuid, uuid);
        create function private.template_changed(org_id uuid, template_id uuid) returns void
          language sql as $$ insert into pg_temp.told values ($2) $$
        """
    )

    stored(shop, HELLO)
    assert db.value("select count(*) from told") == 0
    stored(shop)

    assert db.value("select id::text from told") == found(shop)["id"]


# From a lead ----------------------------------------------------------------------------------------------------


@pytest.fixture
def lead(shop, db):
    return call(
        db, "add_lead", org_id=shop.org_id,
        lead={"name": "Asha Rao", "phone": "+919810000011", "product": "Kurta", "city": "Chennai"},
    )  # fmt: skip


MAPPINGS = [
    pytest.param(["name", "product"], ["Asha Rao", "Kurta"], id="a list"),
    pytest.param(["company|your firm", "state|"], ["your firm", "-"], id="words for empty fields"),
    pytest.param({"body": ["name"], "header": "city", "buttons": [{"index": 0, "value": "phone"}]},
                 {"body": ["Asha Rao"], "header": "Chennai", "buttons": [{"index": 0, "value": "+919810000011"}]}, id="by part"),
    pytest.param({"who": "name"}, {"who": "Asha Rao"}, id="by name"),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "params"), MAPPINGS)
def test_a_mapping_becomes_values_of_the_same_shape(shop, db, lead, mapping, params):
    filled = db.value(
        "select private.fill_template(%s, %s, 'hello', 'en', %s, %s, null)",
        shop.org_id, shop.account_id, json.dumps(mapping), lead["lead_id"],
    )  # fmt: skip

    assert filled == params


def test_a_file_in_a_mapping_is_given_as_it_is_and_an_unknown_field_is_refused(shop, db, lead):
    stored(shop, template("paper", header(form="DOCUMENT"), body("Dear {{1}}.")))
    ask = "select private.fill_template(%s, %s, 'paper', 'en', %s, %s, null)"
    mapping = {"header": {"link": "https://cdn.example/name.pdf"}, "body": ["name"]}

    assert db.value(ask, shop.org_id, shop.account_id, json.dumps(mapping), lead["lead_id"]) == mapping | {
        "body": ["Asha Rao"]
    }
    told = db.refusal(ask, shop.org_id, shop.account_id, '["nonsense"]', lead["lead_id"])
    assert (told.sqlstate, told.detail) == ("PT422", "field_unknown")


# As it will look ------------------------------------------------------------------------------------------------

OFFER = template(
    "offer",
    header("For {{1}}") | {"example": {"header_text": ["Ravi"]}},
    body("Dear {{1}}, {{2}}.") | {"example": {"body_text": [["Ravi", "50% off"]]}},
    {"type": "FOOTER", "text": "Reply STOP to end"},
    buttons(URL | {"example": ["https://shop.example/t/42"]}, REPLY),
    category="MARKETING",
)


def preview(shop, db, person, name="offer", **given):
    asked = {"params": None, "lead_id": None, "mapping": None} | given
    values = [json.dumps(v) if isinstance(v, dict | list) else v for v in asked.values()]
    with db.operating():
        template_id = found(shop, name)["id"]
    return db.as_person(person).value(
        "select public.preview_template(%s, %s, %s, %s, %s)", shop.org_id, template_id, *values
    )


@pytest.fixture
def agent(shop, db, member):
    stored(shop, HELLO, OFFER, template("paper", header(form="DOCUMENT"), body("Bill.")))
    return member(shop.org_id, "agent")


def test_a_preview_shows_the_templates_own_examples(shop, db, agent):
    seen = preview(shop, db, agent)

    assert seen["text"] == "For Ravi\nDear Ravi, 50% off.\nReply STOP to end"
    assert (seen["header"], seen["body"], seen["footer"]) == (
        "For Ravi",
        "Dear Ravi, 50% off.",
        "Reply STOP to end",
    )
    assert [(b["type"], b.get("url")) for b in seen["buttons"]] == [
        ("URL", "https://shop.example/t/42"),
        ("QUICK_REPLY", None),
    ]
    assert (seen["missing"], seen["problem"], seen["category"], seen["price_class"]) == (
        [],
        None,
        "MARKETING",
        "marketing",
    )


def test_a_preview_says_what_is_missing(shop, db, agent):
    seen = preview(shop, db, agent, params={"header": "Asha", "body": ["Asha"]})

    assert seen["body"] == "Dear Asha, {{2}}."
    assert seen["missing"] == ["body value 2", "button 1"]
    assert "takes 2 values in its body, 1 were given" in seen["problem"]
    assert preview(shop, db, agent, "paper")["missing"] == ["header"]


def test_a_preview_for_a_lead_fills_the_mapping(shop, db, lead, agent):
    seen = preview(
        shop, db, agent, lead_id=lead["lead_id"],
        mapping={"header": "name", "body": ["name", "product"], "buttons": ["product"]},
    )  # fmt: skip

    assert (seen["text"], seen["missing"], seen["problem"]) == (
        "For Asha Rao\nDear Asha Rao, Kurta.\nReply STOP to end",
        [],
        None,
    )
    assert seen["buttons"][0]["url"] == "https://shop.example/t/Kurta"


def test_a_preview_needs_a_template_and_a_lead_of_ones_own(shop, db, agent):
    ask = "select public.preview_template(%s, %s, null, %s)"
    template_id = found(shop)["id"]
    db.as_person(agent)

    assert db.refusal(ask, shop.org_id, uuid4(), None).sqlstate == "PT404"
    assert db.refusal(ask, shop.org_id, template_id, uuid4()).sqlstate == "PT404"


def test_message_written_before_its_template_was_edited_does_not_leave_with_the_old_values(business, db):
    (message,) = business.send("+919810000011", template="hello", language="en", params=["Asha", "pumps"])
    db.execute(
        "update public.message_templates set components = %s where org_id = %s and name = 'hello'",
        ['[{"type": "BODY", "text": "Hi {{1}}, about {{2}} in {{3}}"}]', business.org_id],
    )

    assert business.claim()["messages"] == []

    said = business.message(message)
    assert (said["status"], said["error_message"]) == (
        "failed", "The template was changed after this message was written: send it again",
    )  # fmt: skip

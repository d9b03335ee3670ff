"""What Meta says of an account is judged in words; silence is noticed; two workers never ask at once."""

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.business import Business, call
from tests.database import Database

SCOPES = ["whatsapp_business_management", "whatsapp_business_messaging"]
TOKEN = {"is_valid": True, "expires_at": 0, "data_access_expires_at": 0, "scopes": SCOPES}
ACCOUNT = {"name": "Shop", "currency": "INR", "country": "IN", "account_review_status": "APPROVED",
           "business_verification_status": "verified", "owner_business_info": {"id": "9901"}}  # fmt: skip
NUMBER = {"status": "CONNECTED", "quality_rating": "GREEN", "name_status": "APPROVED", "platform_type": "CLOUD_API",
          "code_verification_status": "VERIFIED", "whatsapp_business_manager_messaging_limit": "TIER_2K",
          "messages_per_second": 80, "health_status": {"can_send_message": "AVAILABLE", "entities": []}}  # fmt: skip


def claim(db: Database, business: Business) -> Any:
    return call(db, "claim_health_checks", org_id=business.org_id)


def check(
    db: Database,
    business: Business,
    *,
    token: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    number: dict[str, Any] | None = None,
    **more: object,
) -> Any:
    """Claim the account and report what Meta says of it: all well, but for what is given."""
    db.execute("update private.account_checks set checked_at = null where org_id = %s", [business.org_id])
    claimed = claim(db, business)
    assert len(claimed["accounts"]) == 1
    report = {
        "token": TOKEN | (token or {}), "is_subscribed": True, "account": ACCOUNT | (account or {}),
        "numbers": [NUMBER | {"id": business.phone_number_id} | (number or {})], **more,
    }  # fmt: skip
    return call(db, "record_health", org_id=business.org_id, account_id=business.account_id,
                lease=claimed["lease"], report=report)  # fmt: skip


def findings(db: Database, business: Business) -> dict[str, tuple[str, str]]:
    rows = db.rows("select kind, level, words from public.whatsapp_health where org_id = %s", business.org_id)
    return {kind: (level, words) for kind, level, words in rows}


def soon(days: float) -> int:
    return int(time.time() + days * 86400)


BAD = [
    pytest.param({"token": {"expires_at": soon(10)}}, "token_end", "warning", "ends on", id="token ends"),
    pytest.param({"token": {"data_access_expires_at": soon(1)}}, "token_end", "problem", "ends on", id="data access ends"),
    pytest.param({"token": {"scopes": SCOPES[:1]}}, "permissions", "problem", "messaging", id="permission missing"),
    pytest.param({"is_subscribed": False}, "subscription", "problem", "do not come in", id="not subscribed"),
    pytest.param({"is_subscribed": False, "resubscribed": True}, "subscription", "warning", "subscribed again", id="renewed"),
    pytest.param({"account": {"currency": "USD"}}, "currency", None, "USD", id="not in rupees"),
    pytest.param({"account": {"business_verification_status": "not_verified"}}, "business_verification", "warning", "250", id="business not verified"),
    pytest.param({"account": {"business_verification_status": "rejected"}}, "business_verification", "warning", "rejected", id="business rejected"),
    pytest.param({"account": {"account_review_status": "REJECTED"}}, "review", "problem", "rejected", id="account rejected"),
    pytest.param({"number": {"quality_rating": "RED"}}, "quality", "problem", "low", id="quality low"),
    pytest.param({"number": {"quality_rating": "YELLOW"}}, "quality", "warning", "falling", id="quality falls"),
    pytest.param({"number": {"status": "FLAGGED"}}, "number", "warning", "flagged", id="flagged"),
    pytest.param({"number": {"status": "RESTRICTED"}}, "number", "problem", "restricted", id="restricted"),
    pytest.param({"number": {"status": "PENDING"}}, "number", "problem", "not registered", id="not registered"),
    pytest.param({"number": {"status": "SOMETHING_NEW"}}, "number", "problem", "something_new", id="a status of tomorrow"),
    pytest.param({"number": {"id": "1"}}, "number", "problem", "no longer", id="gone from the account"),
    pytest.param({"number": {"name_status": "DECLINED"}}, "name", "problem", "declined", id="name declined"),
    pytest.param({"number": {"health_status": {"can_send_message": "BLOCKED", "entities": [
        {"entity_type": "WABA", "can_send_message": "BLOCKED", "errors": [
            {"error_code": 141006, "error_description": "No payment method.", "possible_solution": "Add a card."}]}]}}},
        "sending", "problem", "No payment method.", id="sending blocked"),
    pytest.param({"number": {"health_status": {"can_send_message": "LIMITED"}}}, "sending", "warning", "limits", id="sending limited"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "level", "words"), BAD)
def test_bad_sign_is_told_with_a_remedy_and_goes_when_it_is_well_again(
    business, db, said, kind, level, words
):
    check(db, business, **said)

    found = findings(db, business)
    assert set(found) == {kind}
    assert found[kind][0] == level or level is None
    assert words in found[kind][1]
    remedy = "select remedy from public.whatsapp_health where org_id = %s"
    assert len(db.value(remedy, business.org_id)) > 10

    check(db, business)
    assert findings(db, business) == {}


GOOD = [
    pytest.param({}, id="all well"),
    pytest.param({"token": {"expires_at": soon(60)}}, id="a token for two months"),
    pytest.param({"account": {"currency": "USD", "country": "AE"}}, id="dollars elsewhere"),
    pytest.param({"number": {"quality_rating": "UNKNOWN", "name_status": "PENDING_REVIEW"}}, id="too new to judge"),
    pytest.param({"account": {"business_verification_status": None, "account_review_status": None, "currency": None}},
                 id="fields that Meta keeps to itself"),
    pytest.param({"number": {"status": None, "quality_rating": None, "name_status": None, "health_status": None,
                             "messages_per_second": None}}, id="a number of few words"),
]  # fmt: skip


@pytest.mark.parametrize("said", GOOD)
def test_what_is_no_trouble_is_not_told(business, db, said):
    check(db, business, **said)

    assert findings(db, business) == {}


def test_number_learns_what_meta_says_of_it(business, db):
    check(db, business, number={"messages_per_second": 20, "is_on_biz_app": True, "quality_rating": "YELLOW"})

    columns = "messages_per_second, is_on_phone_app, quality_rating, name_status, verification_status, platform_type"
    query = f"select {columns} from public.whatsapp_numbers where org_id = %s"
    assert db.row(query, business.org_id) == (20, True, "YELLOW", "APPROVED", "VERIFIED", "CLOUD_API")
    account = (
        "select messaging_limit, review_status, business_id from public.whatsapp_accounts where org_id = %s"
    )
    assert db.row(account, business.org_id) == (2000, "APPROVED", "9901")


TIERS = [("TIER_50", 50), ("TIER_250", 250), ("TIER_1K", 1000), ("TIER_100K", 100_000), ("TIER_UNLIMITED", None),
         ("TIER_NOT_SET", None), ("x", 777), (None, 777)]  # fmt: skip


@pytest.mark.parametrize(("tier", "people"), TIERS)
def test_tier_is_a_number_of_people_and_an_unknown_one_lifts_no_limit(db, business, tier, people):
    db.execute(
        "update public.whatsapp_accounts set messaging_limit = 777 where org_id = %s", [business.org_id]
    )

    check(db, business, number={"whatsapp_business_manager_messaging_limit": tier})

    assert business.account()["messaging_limit"] == people


@pytest.mark.parametrize(
    "report", [{"token": {"is_valid": False}}, {"access_lost": True}], ids=["debug_token", "code 190"]
)
def test_dead_token_asks_to_reconnect_and_judges_nothing_else(business, db, report):
    answer = check(db, business, **report, number={"quality_rating": "RED"})

    assert answer == {"recorded": True, "reconnect": True}
    assert set(findings(db, business)) == {"access"}
    assert (
        db.value("select status from public.whatsapp_accounts where org_id = %s", business.org_id)
        == "reconnect"
    )


def test_check_that_meta_does_not_answer_is_repeated_and_told_after_three(business, db):
    told = []
    for _ in range(4):
        db.execute("update private.account_checks set next_at = now() where org_id = %s", [business.org_id])
        lease = claim(db, business)["lease"]
        call(db, "record_health", org_id=business.org_id, account_id=business.account_id, lease=lease,
             report={"failure": {"words": "Meta could not be reached."}})  # fmt: skip
        told.append("check" in findings(db, business))

    assert told == [False, False, True, True]
    wait = db.value("select next_at - now() from private.account_checks where org_id = %s", business.org_id)
    assert timedelta(minutes=7) < wait < timedelta(minutes=13)
    check(db, business)
    assert findings(db, business) == {}


# Who looks, and when


def test_two_workers_never_look_at_one_account(business, db):
    first = claim(db, business)

    assert len(first["accounts"]) == 1
    assert claim(db, business)["accounts"] == []
    db.execute("update private.account_checks set next_at = now() where org_id = %s", [business.org_id])
    assert len(claim(db, business)["accounts"]) == 1, "the first one died"
    late = call(db, "record_health", org_id=business.org_id, account_id=business.account_id, lease=first["lease"],
                report={"access_lost": True})  # fmt: skip
    assert late == {"recorded": False}


def test_account_is_looked_at_about_every_hour_and_by_a_person_once_a_minute(business, db):
    check(db, business)

    wait = db.value("select next_at - now() from private.account_checks where org_id = %s", business.org_id)
    assert timedelta(minutes=44) < wait < timedelta(minutes=76)
    assert claim(db, business)["accounts"] == []
    db.execute("update private.account_checks set checked_at = now() - interval '61 seconds' where org_id = %s",
               [business.org_id])  # fmt: skip
    assert len(claim(db, business)["accounts"]) == 1


def test_subscription_is_renewed_once_a_day(business, db):
    check(db, business, is_subscribed=False, resubscribed=True)
    db.execute("update private.account_checks set checked_at = null where org_id = %s", [business.org_id])
    claimed = claim(db, business)
    assert claimed["accounts"][0]["may_resubscribe"] is False
    db.execute("update private.account_checks set lease = null, resubscribed_at = now() - interval '25 hours' where org_id = %s",
               [business.org_id])  # fmt: skip

    assert claim(db, business)["accounts"][0]["may_resubscribe"] is True


def test_disconnected_account_is_not_looked_at_and_has_no_findings(business, db):
    check(db, business, number={"quality_rating": "RED"})

    call(db, "disconnect_whatsapp", org_id=business.org_id)

    assert findings(db, business) == {}
    assert claim(db, business)["accounts"] == []


# Silence


def watch(db: Database, business: Business, *, heard: float | None = None) -> dict[str, Any]:
    """Look for silence; the number was last heard so many hours ago (null: as before)."""
    if heard is not None:
        db.execute("update public.whatsapp_numbers set heard_at = now() - make_interval(secs => %s) where org_id = %s",
                   [heard * 3600, business.org_id])  # fmt: skip
    db.execute("select private.watch_numbers(%s, %s)", [business.org_id, business.account_id])
    return findings(db, business)


def pulse(db: Database, business: Business, longest_hours: float, days: float = 30, heard: float = 0) -> None:
    """A number that has been watched for days, with a longest pause."""
    db.execute(
        "insert into private.number_pulses (org_id, number_id, heard_at, longest_gap, since)"
        " values (%s, %s, now() - make_interval(secs => %s), make_interval(secs => %s), now() - make_interval(days => %s))"
        " on conflict (org_id, number_id) do update set longest_gap = excluded.longest_gap, since = excluded.since,"
        " heard_at = excluded.heard_at",
        [business.org_id, business.number_id, heard * 3600, longest_hours * 3600, days],
    )


SILENCES = [
    pytest.param(1, 5, False, id="a quiet afternoon"),
    pytest.param(1, 7, True, id="a busy number since the morning"),
    pytest.param(12, 20, False, id="a night and a bit"),
    pytest.param(12, 25, True, id="two nights' worth"),
    pytest.param(62, 100, False, id="a long weekend"),
    pytest.param(62, 130, True, id="more than two weekends"),
]


@pytest.mark.parametrize(("longest", "silent", "told"), SILENCES)
def test_number_that_falls_silent_is_noticed_by_its_own_measure(business, db, longest, silent, told):
    pulse(db, business, longest, heard=silent)

    assert ("silence" in watch(db, business, heard=silent)) is told
    assert watch(db, business, heard=0) == {}


def test_number_that_is_watched_for_less_than_a_week_is_not_called_silent(business, db):
    pulse(db, business, 1, days=6, heard=50)

    assert watch(db, business, heard=50) == {}


def test_longest_pause_is_learnt_and_slowly_forgotten(business, db):
    watch(db, business, heard=30)
    watch(db, business, heard=10)
    longest = "select extract(epoch from longest_gap) / 3600 from private.number_pulses where org_id = %s"
    assert round(db.value(longest, business.org_id)) == 20

    watch(db, business, heard=0)

    assert 19 < db.value(longest, business.org_id) < 20


def sent(db: Database, business: Business, minutes: float) -> int:
    """A message that Meta took so long ago, and of which it told nothing since."""
    (message,) = business.send("+919810000011")
    business.record(business.claim())
    db.execute("update private.number_lanes set refilled_at = now() - make_interval(secs => %s) where org_id = %s",
               [minutes * 60, business.org_id])  # fmt: skip
    return message


def test_sends_of_which_meta_tells_nothing_are_noticed_after_half_an_hour(business, db):
    db.execute(
        "update public.whatsapp_numbers set connected_at = now() - interval '1 day' where org_id = %s",
        [business.org_id],
    )
    sent(db, business, 25)
    assert watch(db, business, heard=5) == {}
    db.execute(
        "update private.number_pulses set waiting_since = waiting_since - interval '6 minutes' where org_id = %s",
        [business.org_id],
    )

    assert set(watch(db, business)) == {"statuses"}
    sent(db, business, 1)
    assert set(watch(db, business)) == {"statuses"}, "sending on does not hide it"
    assert watch(db, business, heard=0) == {}


def test_message_that_never_left_makes_no_silence(business, db):
    db.execute(
        "update public.whatsapp_numbers set connected_at = now() - interval '1 day' where org_id = %s",
        [business.org_id],
    )
    message = sent(db, business, 45)
    db.execute(
        "update public.messages set status = 'failed' where org_id = %s and id = %s",
        [business.org_id, message],
    )

    assert watch(db, business, heard=5) == {}


def test_sweep_looks_for_silence_every_ten_minutes(business, db):
    pulse(db, business, 1, heard=50)
    db.execute(
        "update public.whatsapp_numbers set heard_at = now() - interval '50 hours' where org_id = %s",
        [business.org_id],
    )
    db.execute("select private.sweep()")
    assert findings(db, business) == {}
    db.execute("update private.account_checks set watch_at = now() where org_id = %s", [business.org_id])

    db.execute("select private.sweep()")

    assert set(findings(db, business)) == {"silence"}


# What is noted and shown


def test_finding_is_told_since_it_began_and_once(business, db):
    note = "select private.note_health(%s, %s, null, 'x', %s, %s, 'Do.')"
    db.execute(note, [business.org_id, business.account_id, "warning", "First."])
    db.execute(
        "update public.whatsapp_health set since = since - interval '1 hour' where org_id = %s",
        [business.org_id],
    )
    db.execute(note, [business.org_id, business.account_id, "warning", "Second."])

    rows = "select words, checked_at - since from public.whatsapp_health where org_id = %s"
    assert db.rows(rows, business.org_id) == [("Second.", timedelta(hours=1))]
    db.execute(note, [business.org_id, business.account_id, "problem", "Third."])
    assert db.rows(rows, business.org_id) == [("Third.", timedelta(0))]
    db.execute(note, [business.org_id, business.account_id, "ok", None])
    assert db.rows(rows, business.org_id) == []


def test_settings_page_is_told_everything_at_once(business, db, member):
    check(db, business, number={"quality_rating": "RED"}, account={"currency": "USD"})
    business.send("+919810000011")
    db.as_person(member(business.org_id, "agent"))

    told = db.value("select public.whatsapp_status(%s)", business.org_id)

    (account,) = told["accounts"]
    (number,) = account["numbers"]
    assert [f["kind"] for f in account["findings"]] == ["currency"]
    assert [f["kind"] for f in number["findings"]] == ["quality"]
    assert (account["status"], account["messaging_limit"], account["cleanup"]) == ("connected", 2000, None)
    assert (number["quality_rating"], number["waiting_conversations"]) == ("RED", 1)
    assert account["checked_at"]
    assert "EAAtoken" not in str(told)


def test_settings_page_tells_what_a_disconnect_left_to_do(business, db, member):
    call(db, "disconnect_whatsapp", org_id=business.org_id)
    db.as_person(member(business.org_id, "agent"))

    (account,) = db.value("select public.whatsapp_status(%s)", business.org_id)["accounts"]

    assert account["cleanup"]["status"] == "open"


def test_operator_is_told_who_has_a_problem(business, db):
    check(db, business, number={"quality_rating": "RED"})

    told = call(db, "whatsapp_problems")

    mine = [f for f in told["findings"] if "+91 11400 00001" in f["who"]]
    assert ("problem", "The number's quality is low: many people blocked or reported it.") in [
        (f["level"], f["words"]) for f in mine
    ]

"""How IndiaMART's key and push stand, in words, each from what is stored; and who may hold a key."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from tests.sql.indiamart import DAY, HOUR, OK, Source
from tests.sql.test_indiamart_coverage import Watched, lead


@pytest.fixture
def source(db, org, member):
    acme = org(name="Acme")
    return Watched(db, acme, member(acme))


def age_key(source, days):
    source.db.execute(
        "update private.source_coverage set key_at = now() - make_interval(days => %s), again = '{}' where source_id = %s",
        [days, source.id],
    )


def age_runs(source, age):
    source.db.execute(
        "update public.sync_runs set started_at = started_at - %s where source_id = %s", [age, source.id]
    )


def test_all_is_well_says_nothing(source):
    source.turn()

    assert source.findings() == {}


REJECTED = [("incorrect", "does not know"), ("expired", "not used for seven days"), ("replaced", "newer key")]


@pytest.mark.parametrize(("reason", "words"), REJECTED)
def test_rejected_key_is_a_problem_with_its_own_words_and_remedy(source, reason, words):
    source.turn()
    age_runs(source, HOUR)
    age_key(source, 20)
    source.turn({"outcome": "key_rejected", "reason": reason})

    (found,) = source.findings().values()

    assert (found["code"], found["level"]) == (f"key_{reason}", "problem")
    assert words in found["words"]
    assert found["remedy"]
    assert found["since"]


def test_new_key_ends_what_was_wrong_with_the_old_one(db, source):
    source.turn({"outcome": "key_rejected", "reason": "expired"})
    db.value("select worker.connect_indiamart(%s, %s)", source.org_id, f"new-{uuid4().hex}")

    assert source.findings() == {}


def test_blocked_key_says_until_when_and_is_well_after_it(source):
    source.turn({"outcome": "blocked"})
    (found,) = source.findings().values()
    source.set(next_allowed_at=datetime.now(UTC) - HOUR)

    assert found["code"] == "key_blocked"
    assert datetime.fromisoformat(found["until"]) > datetime.now(UTC) + HOUR / 6
    assert source.findings() == {}


@pytest.mark.parametrize(("days", "level"), [(2, None), (4, "warning"), (6.5, "problem"), (8, "problem")])
def test_key_that_is_not_used_is_warned_of_before_it_dies(source, days, level):
    source.turn()
    age_key(source, 20)
    age_runs(source, days * DAY)
    source.set(last_called_at=datetime.now(UTC) - days * DAY)

    found = source.findings().get("key_unused")

    assert (found and found["level"]) == level
    if found:
        dies = datetime.fromisoformat(found["until"]) - datetime.now(UTC)
        assert abs(dies - (7 - days) * DAY) < HOUR


def test_three_refusals_for_the_limit_tell_that_another_program_uses_the_key(source):
    for _ in range(2):
        source.turn({"outcome": "rate_limited"})
    assert "quota" not in source.findings()

    source.turn({"outcome": "rate_limited"})

    assert "another program" in source.findings()["quota"]["words"]
    assert source.ask("indiamart_status")["calls_24h"] == {"rate_limited": 3}


def test_supplier_that_fails_for_a_day_is_a_problem(source):
    source.turn()
    age_key(source, 20)
    age_runs(source, 30 * HOUR)
    for _ in range(3):
        source.turn({"outcome": "server_error"})

    assert source.findings()["failing"]["level"] == "problem"


def test_answers_that_stay_away_for_an_hour_are_told(source):
    source.turn()
    age_key(source, 20)
    age_runs(source, 2 * HOUR)
    source.set(last_called_at=datetime.now(UTC) - 2 * HOUR)

    assert "behind" in source.findings()


def test_key_that_cannot_be_opened_is_a_problem(source):
    source.set(state="key_unreadable")

    assert source.findings()["key_unreadable"]["remedy"] == "Enter the key again."


def pulled(source, since, n=3):
    source.accept_pushes()
    source.set(push_token_at=datetime.now(UTC) - since)
    source.turn(OK | {"leads": [lead(k, 3 * HOUR) for k in range(n)]})


def test_push_that_never_came_while_pull_finds_leads_is_a_problem(source):
    pulled(source, 2 * DAY)

    found = source.findings()["push_silent"]

    assert (found["level"], "3 leads" in found["words"]) == ("problem", True)


def test_push_that_fell_silent_is_a_warning_since_its_last_push(db, source):
    pulled(source, 5 * DAY)
    source.push(lead(99, 2 * DAY))
    db.execute(
        "update public.sync_runs set started_at = now() - interval '2 days' where kind = 'push' and source_id = %s",
        [source.id],
    )

    found = source.findings()["push_silent"]

    assert found["level"] == "warning"
    assert abs(datetime.fromisoformat(found["since"]) - datetime.now(UTC) + 2 * DAY) < HOUR


QUIET = [
    pytest.param(HOUR, 3, id="the address is new"),
    pytest.param(2 * DAY, 2, id="too few leads to tell"),
]


@pytest.mark.parametrize(("since", "leads"), QUIET)
def test_push_is_not_called_silent_too_early(source, since, leads):
    pulled(source, since, leads)

    assert "push_silent" not in source.findings()


def test_pushed_leads_that_no_answer_holds_tell_of_a_key_of_another_account(db, source):
    source.fill()
    source.accept_pushes()
    source.push(*[lead(n, 3 * DAY) for n in range(3)])
    assert "pull_misses" not in source.findings()

    db.execute(
        "update private.lead_arrivals set pushed_at = now() - interval '3 days' where source_id = %s",
        [source.id],
    )

    assert "pull_misses" in source.findings()


def test_operator_sees_the_findings_of_all_and_whose_they_are(db, source):
    source.turn({"outcome": "key_rejected", "reason": "expired"})

    told = db.value("select worker.indiamart_problems()")

    mine = [f for f in told["findings"] if f["org_id"] == str(source.org_id)]
    assert [(f["code"], f["who"]) for f in mine] == [("key_expired", "Acme")]
    assert told["sources"] >= 1


def test_disconnected_source_is_not_complained_of(db, source):
    source.turn({"outcome": "key_rejected", "reason": "expired"})
    db.value("select worker.disconnect_source(%s, %s)", source.org_id, source.id)

    assert source.findings() == {}


# One key, one organization --------------------------------------------------------------------------------


def test_key_is_free_again_after_a_disconnect_and_taken_for_its_old_owner_then(db, source, org):
    key = f"shared-{uuid4().hex}"
    other = org(name="Other")
    db.value("select worker.connect_indiamart(%s, %s)", source.org_id, key)
    db.value("select worker.disconnect_source(%s, %s)", source.org_id, source.id)
    Source(db, other, key)

    told = db.refusal("select worker.connect_indiamart(%s, %s)", source.org_id, key)

    assert (told.sqlstate, told.detail) == ("PT409", "key_taken")


def test_key_that_was_replaced_by_a_newer_one_is_free_again(db, source, org):
    key = f"shared-{uuid4().hex}"
    db.value("select worker.connect_indiamart(%s, %s)", source.org_id, key)
    db.value("select worker.connect_indiamart(%s, %s)", source.org_id, f"newer-{uuid4().hex}")

    assert Source(db, org(name="Other"), key).id


def test_of_eight_organizations_that_enter_one_key_at_once_one_gets_it(connect):
    db = connect()
    orgs = []
    for _ in range(8):
        owner = uuid4()
        db.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@example.test"])
        orgs.append(db.value("select private.new_organization('One of eight', %s)", owner))
    key = f"crowd-{uuid4().hex}"
    doors = [connect() for _ in orgs]

    def enter(door, org_id):
        try:
            return door.value("select worker.connect_indiamart(%s, %s)", org_id, key)["source_id"]
        except psycopg.Error as error:
            return error.diag.message_detail

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(enter, doors, orgs))

    for org_id, answer in zip(orgs, answers, strict=True):
        if answer != "key_taken":
            db.value("select worker.disconnect_source(%s, %s)", org_id, answer)
    assert answers.count("key_taken") == 7

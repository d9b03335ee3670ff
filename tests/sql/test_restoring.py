"""What a restored database does not do by itself: say again what may have been said after the backup."""

from tests.sql.sending import ids

ASHA = "+919810000011"


def test_what_waited_is_cancelled_and_numbers_wait_for_a_person(business, db, member):
    business.sent()
    waiting = business.send(ASHA)

    told = db.value("select private.settle_restored(false)")

    assert told["cancelled"] == len(waiting) == 1
    assert told["numbers_paused"] >= 1
    message = business.message(waiting[0])
    assert message["status"] == "cancelled"
    assert "Restored from a backup" in message["error_message"]
    assert business.number()["status"] == "paused"
    assert business.claim()["messages"] == []
    db.execute("select private.sweep()")
    assert business.number()["status"] == "paused", "no end of its own"

    db.as_person(member(business.org_id, "admin"))
    number = db.value("select id from public.whatsapp_numbers where org_id = %s", business.org_id)
    db.execute("select public.resume_number(%s, %s)", [business.org_id, number])
    db.as_operator()
    later = business.send(ASHA)
    assert ids(business.claim()) == later, "the lane is free"


def test_a_number_may_go_on_where_the_installation_before_is_gone(business, db):
    business.sent()

    assert db.value("select private.settle_restored(true)")["numbers_paused"] == 0

    assert business.number()["status"] == "connected"


def test_a_key_of_indiamart_rests_for_ten_minutes(db, org):
    of = org()
    db.execute(
        "insert into public.lead_sources (org_id, kind, name, next_allowed_at) values (%s, 'indiamart', 'I', now())",
        [of],
    )

    db.execute("select private.settle_restored(true)")

    assert db.value(
        "select next_allowed_at = now() + interval '10 minutes' from public.lead_sources"
        " where org_id = %s and kind = 'indiamart'", of
    )  # fmt: skip


def test_what_the_lost_installation_was_asked_to_do_is_not_owed(db):
    db.execute("update private.wakeups set asked_at = now()")

    db.execute("select private.settle_restored(true)")

    assert db.value("select bool_and(asked_at = '-infinity') from private.wakeups")


def test_credentials_that_their_keys_do_not_open_are_counted(db, org):
    before = db.value("select private.broken_credentials()")
    credential = db.value("select private.put_credential(%s, 'whatsapp_token', 'secret')", org())
    assert db.value("select private.broken_credentials()") == before

    db.execute("update private.credentials set cipher = '\\x00' where id = %s", [credential])

    assert db.value("select private.broken_credentials()") == before + 1


def test_nobody_in_the_api_may_settle_schedule_or_try_the_keys(db, person):
    for become in (db.as_anon, db.as_service, lambda: db.as_person(person())):
        become()
        for statement in (
            "private.settle_restored(true)",
            "private.broken_credentials()",
            "private.schedule_chores()",
        ):
            assert db.refusal(f"select {statement}").sqlstate == "42501"
        db.as_operator()

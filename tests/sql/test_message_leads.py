"""A first message from somebody unknown is a lead, once, if the organization wants that."""

import itertools

import pytest

from tests.business import text

AD = {"source_type": "ad", "source_id": "120", "headline": "Pumps at half the price", "ctwa_clid": "c1"}


def leads(business):
    return business.table("public.leads", "received_at")


def choose(business, whom):
    business.db.execute(
        "insert into public.messaging_settings (org_id, leads_from) values (%s, %s)", [business.org_id, whom]
    )


def test_a_first_message_is_a_lead_with_its_words_and_its_person(business):
    business.hear(text("wamid.1", "Price of 3 HP?", sender="919810000071"), name="Ravi")

    (lead,) = leads(business)
    assert (lead["source_kind"], lead["message"], lead["phone"]) == (
        "whatsapp",
        "Price of 3 HP?",
        "+919810000071",
    )
    assert lead["contact_id"] == business.contact("919810000071")["id"]
    assert [row["kind"] for row in business.table("public.lead_activities")] == ["received"]


def test_nobody_who_has_just_written_is_greeted(business):
    business.hear(text("wamid.1"))

    assert business.statuses() == []
    assert leads(business)[0]["greet_requested"] is False


def test_the_ad_that_brought_somebody_is_kept(business):
    business.hear(text("wamid.1") | {"referral": AD})

    (lead,) = leads(business)
    assert (lead["title"], lead["raw"]["referral"]) == (AD["headline"], AD)


@pytest.mark.parametrize(("whom", "made"), [("everyone", 2), ("ads", 1), ("nobody", 0)])
def test_an_organization_chooses_whose_messages_make_leads(business, whom, made):
    choose(business, whom)

    business.hear(
        text("wamid.1", sender="919810000072"), text("wamid.2", sender="919810000073") | {"referral": AD}
    )

    assert len(leads(business)) == made


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])))
def test_in_whatever_order_and_however_often_they_come_the_lead_is_that_of_the_first(business, order):
    said = [text(f"wamid.{n}", f"words {n}", at=1795000000 + n) for n in range(3)]
    for n in order:
        business.hear(said[n])
        business.hear(said[n])

    (lead,) = leads(business)
    assert (lead["message"], lead["raw"]["wamid"]) == ("words 0", "wamid.0")


def test_who_has_a_lead_already_gets_no_other(business):
    business.db.execute(
        "select worker.add_lead(%s, %s)", [business.org_id, '{"name": "Ravi", "phone": "+919810000011"}']
    )

    business.hear(text("wamid.1"))

    assert [lead["source_kind"] for lead in leads(business)] == ["manual"]


def test_who_answers_what_we_wrote_is_not_unknown(business):
    business.sent("+919810000011")

    business.hear(text("wamid.1"))

    assert leads(business) == []


def test_somebody_who_wrote_while_it_was_off_is_not_new_when_it_is_on(business):
    choose(business, "nobody")
    business.hear(text("wamid.1"))
    business.db.execute(
        "update public.messaging_settings set leads_from = 'everyone' where org_id = %s", [business.org_id]
    )

    business.hear(text("wamid.2", at=1795000100))

    assert leads(business) == []


def test_a_reaction_or_a_system_message_makes_none(business):
    business.hear(
        {"from": "919810000074", "id": "wamid.1", "timestamp": "1795000000", "type": "system",
         "system": {"type": "user_changed_number", "wa_id": "919810000075", "body": "changed"}},
    )  # fmt: skip

    assert leads(business) == []


def test_a_lead_that_somebody_worked_on_stays_as_it_is(business):
    business.hear(text("wamid.2", "second", at=1795000100))
    business.db.execute("update public.leads set version = 2 where org_id = %s", [business.org_id])

    business.hear(text("wamid.1", "first", at=1795000000))

    assert [lead["message"] for lead in leads(business)] == ["second"]


def test_a_thousand_unknown_people_in_one_post_are_a_thousand_leads(business):
    business.hear(*(text(f"wamid.{n}", sender=f"9198200{n:05}") for n in range(1000)))

    assert len(leads(business)) == 1000

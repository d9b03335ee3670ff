"""Finding words in messages, in any script, and people by name, number or address."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.business import Business, fresh_org, text
from tests.database import Database, Person

NOW = 1795000000
SAID = {
    "hindi": "नमस्ते, हिन्दी में क़ीमत बताइए। विद्यार्थी छूट १२०० रुपये",
    "tamil": "வணக்கம், தமிழ் விலைப்பட்டியல் அனுப்புங்கள்",
    "bengali": "নমস্কার, দাম কত? বিস্তারিত জানান",
    "gujarati": "નમસ્તે, ભાવપત્રક મોકલો",
    "english": "What's the price of a 5 HP pump? Mail <b>me</b>: ravi.k@sharma.co.in or 98250-12345",
}


@pytest.fixture
def agent(business: Business, member: Callable[..., Person]) -> Person:
    return member(business.org_id, "agent")


@pytest.fixture
def said(business: Business) -> Business:
    for turn, (who, words) in enumerate(SAID.items()):
        business.hear(text(f"wamid.{who}", words, NOW + turn, f"91981000001{turn}"), name=f"{who} Buyer")
    return business


def found(db: Database, org_id: UUID, query: str) -> set[str]:
    rows = db.rows(
        "select m.wamid from public.search_messages(%s, %s) f join public.messages m on m.id = f.message_id", org_id, query
    )  # fmt: skip
    return {wamid.removeprefix("wamid.") for (wamid,) in rows}


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ("हिन्दी", "hindi"), ("हिन्", "hindi"), ("विद्यार्थी", "hindi"), ("क़ीमत", "hindi"), ("\u0958\u0940\u092e\u0924", "hindi"), ("1200", "hindi"),
        ("बताइए", "hindi"), ("तमिल", ""), ("ताइए", ""),
        ("விலைப்பட்டியல்", "tamil"), ("விலைப்", "tamil"), ("தமிழ் அனுப்பு", "tamil"), ("ட்டியல்", ""),
        ("বিস্তারিত", "bengali"), ("দাম", "bengali"), ("বিস্তা", "bengali"),
        ("ભાવપત્રક", "gujarati"), ("ભાવ", "gujarati"),
        ("PRICE", "english"), ("pri", "english"), ("pri pump", ""), ("price pum", "english"), ("rice", ""),
        ('"price of a"', "english"), ('"of price"', ""), ('"price of" pu', "english"), ("“price of”", "english"),
        ("98250-12345", "english"), ("12345", "english"), ("ravi.k@sharma.co.in", "english"), ("sharma", "english"),
        ("what's", "english"), ("'; drop table x; --", ""), ('"', ""), ("", ""), ("!&|:*()<->", ""), ("\\", ""),
    ],
)  # fmt: skip
def test_words_are_found_as_people_write_them(said: Business, agent: Person, query: str, who: str) -> None:
    assert found(said.db.as_person(agent), said.org_id, query) == ({who} if who else set())


def test_a_snippet_is_plain_text_with_marks_around_what_matched(said: Business, agent: Person) -> None:
    said.hear(text("wamid.fake", "\ue000fake\ue001 " + "long " * 100 + "needle " + "tail " * 100, NOW + 50))
    db = said.db.as_person(agent)

    def snippet(query: str) -> str:
        one: str = db.value("select snippet from public.search_messages(%s, %s)", said.org_id, query)
        return one

    assert snippet("price pump") == (
        "What's the \ue000price\ue001 of a 5 HP \ue000pump\ue001? Mail <b>me</b>: ravi.k@sharma.co.in or 98250-12345"
    )
    assert "\ue000हिन्दी\ue001" in snippet("हिन्दी")
    deep = snippet("needle")
    assert "\ue000needle\ue001" in deep
    assert (deep[0], deep[-1]) == ("…", "…")
    assert len(deep) <= 220
    assert "fake" not in deep
    assert snippet("fake").startswith("\ue000fake\ue001 long")


def test_search_reads_one_organization_only(said: Business, agent: Person) -> None:
    other = Business(said.db, fresh_org(said.db))
    other.hear(text("wamid.other", "price", NOW), name="english Twin")
    db = said.db.as_person(agent)

    assert found(db, said.org_id, "price") == {"english"}
    assert db.refusal("select public.search_messages(%s, 'price')", other.org_id).sqlstate == "PT404"
    assert db.refusal("select public.search_conversations(%s, 'english')", other.org_id).sqlstate == "PT404"
    assert db.value("select count(*) from public.search_conversations(%s, 'english')", said.org_id) == 1


def test_a_message_that_was_deleted_for_everyone_is_not_found(said: Business, agent: Person) -> None:
    said.db.execute("update public.messages set revoked_at = now() where wamid = 'wamid.english'")

    assert found(said.db.as_person(agent), said.org_id, "price") == set()


def test_pages_of_a_common_word_join_without_a_gap(business: Business, agent: Person) -> None:
    """More than a thousand matches: they are then read month by month."""
    day = 86400
    for part in range(3):
        business.hear(
            *(text(f"wamid.{part}.{i}", "the price", NOW - (part * 500 + i) * day // 4) for i in range(500))
        )
    business.hear(text("wamid.elsewhere", "the price", NOW, "919810000077"))
    db = business.db.as_person(agent)
    thread = db.value("select conversation_id from public.messages where wamid = 'wamid.0.0'")
    seen: list[tuple[object, int]] = []
    while page := db.rows(
        "select at, message_id from public.search_messages(%s, 'price', %s, %s, %s, 100)",
        business.org_id, thread, *(seen[-1] if seen else (None, None)),
    ):  # fmt: skip
        seen += page

    assert len(seen) == len(set(seen)) == 1500
    assert seen == sorted(seen, reverse=True)
    assert seen[0][0] - seen[-1][0] > timedelta(days=300)  # type: ignore[operator]


def test_endless_words_do_no_harm(business: Business, agent: Person) -> None:
    business.hear(text("wamid.long", "x" * 5000 + " needle"), text("wamid.hindi", "क" * 4000 + " सुई"))
    assert business.table("public.messages")[0]["wamid"] is not None

    assert found(business.db.as_person(agent), business.org_id, "needle") == {"long"}
    assert found(business.db, business.org_id, "सुई") == {"hindi"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("english", {"english Buyer"}), ("buyer eng", {"english Buyer"}), ("Buy", set(SAID)), ("uyer", set()),
        ("+91 98100 00010", {"hindi Buyer"}), ("098100-00010", {"hindi Buyer"}), ("9810000010", {"hindi Buyer"}),
        ("00010", {"hindi Buyer"}), ("0010", {"hindi Buyer"}), ("98100", set(SAID)), ("5555", set()), ("ravi@firm", {"tamil Buyer"}),
    ],
)  # fmt: skip
def test_people_are_found_by_name_number_and_address(
    said: Business, agent: Person, query: str, names: set[str]
) -> None:
    said.db.execute("update public.contacts set email = 'ravi@firm.example' where name = 'tamil Buyer'")
    db = said.db.as_person(agent)

    got = {
        n
        for (n,) in db.rows(
            "select contact_name from public.search_conversations(%s, %s)", said.org_id, query
        )
    }

    assert got == ({f"{who} Buyer" for who in SAID} if names == set(SAID) else names)

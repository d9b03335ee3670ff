"""What a message of each kind may say: every limit is met before anything is queued, what is queued Meta takes."""

import json
from uuid import uuid4

import pytest

from tests.business import call, fresh_org, text
from workers.sandbox.validation import check_message

ASHA = "+919810000011"
MEDIA = str(uuid4())
LINK = "https://shop.example/files/a.bin"
ROW = {"id": "r", "title": "Row"}


def interactive(kind, **fields):
    return {"kind": "interactive", "type": kind, "body": "Choose", **fields}


def buttons(*made, **fields):
    return interactive("buttons", buttons=[{"id": i, "title": t} for i, t in made], **fields)


def rows(*sizes):
    return interactive("list", button="Open", sections=[
        {"title": f"S{s}", "rows": [{"id": f"{s}.{r}", "title": f"Row {r}"} for r in range(size)]}
        for s, size in enumerate(sizes)])  # fmt: skip


def card(**fields):
    return {"kind": "contacts", "contacts": [{"name": {"formatted_name": "Ravi"}, **fields}]}


def place(**fields):
    return {"kind": "location", "latitude": 13.1, "longitude": 80.2, **fields}


REFUSED = [
    # field, spec
    ("message.kind", {}), ("message.kind", {"kind": "fax"}), ("message.kind", {"kind": 7}),
    ("message.text", {"kind": "text"}), ("message.text", {"kind": "text", "text": " \n"}),
    ("message.text", {"kind": "text", "text": "x" * 4097}), ("message.text", {"kind": "text", "text": {"a": 1}}),
    ("message.colour", {"kind": "text", "text": "Hi", "colour": "red"}),
    ("message.preview_url", {"kind": "text", "text": "Hi", "preview_url": "yes"}),
    ("message.context_wamid", {"kind": "text", "text": "Hi", "context_wamid": "wamid.nowhere"}),
    ("message.template", {"kind": "template"}), ("message.language", {"kind": "template", "template": "receipt", "language": 5}),
    ("message.media_id", {"kind": "image"}), ("message.media_id", {"kind": "image", "media_id": MEDIA, "link": LINK}),
    ("message.media_id", {"kind": "image", "media_id": "12"}), ("message.link", {"kind": "image", "link": "http://shop.example/a"}),
    ("message.link", {"kind": "video", "link": "https://"}), ("message.link", {"kind": "video", "link": "https://x.example/" + "a" * 2000}),
    ("message.link", {"kind": "video", "link": "https://user@shop.example/a"}),
    ("message.caption", {"kind": "image", "link": LINK, "caption": "x" * 1025}),
    ("message.caption", {"kind": "video", "link": LINK, "caption": "x" * 1025}),
    ("message.caption", {"kind": "document", "link": LINK, "caption": "x" * 1025}),
    ("message.caption", {"kind": "audio", "link": LINK, "caption": "x"}), ("message.caption", {"kind": "sticker", "link": LINK, "caption": "x"}),
    ("message.filename", {"kind": "image", "link": LINK, "filename": "a.png"}),
    ("message.filename", {"kind": "document", "link": LINK, "filename": "x" * 241}),
    ("message.filename", {"kind": "document", "link": LINK, "filename": "../../a"}),
    ("message.voice", {"kind": "audio", "link": LINK, "voice": "loud"}), ("message.voice", {"kind": "video", "link": LINK, "voice": True}),
    ("message.latitude", place(latitude=90.1)), ("message.latitude", place(latitude="13")), ("message.latitude", {"kind": "location", "longitude": 1}),
    ("message.longitude", place(longitude=-180.5)), ("message.name", place(name="x" * 1001)), ("message.address", place(address=7)),
    ("message.contacts", {"kind": "contacts"}), ("message.contacts", {"kind": "contacts", "contacts": {}}),
    ("message.contacts", {"kind": "contacts", "contacts": [{"name": {"formatted_name": "R"}}] * 258}),
    ("message.contacts[0].name.formatted_name", {"kind": "contacts", "contacts": [{"name": {"first_name": "R"}}]}),
    ("message.contacts[0].name.formatted_name", {"kind": "contacts", "contacts": [{}]}),
    ("message.contacts[0].name", {"kind": "contacts", "contacts": [{"name": "Ravi"}]}), ("message.contacts[0]", {"kind": "contacts", "contacts": ["Ravi"]}),
    ("message.contacts[0].name.nick", card(name={"formatted_name": "R", "nick": "r"})),
    ("message.contacts[0].phones", card(phones="+91")), ("message.contacts[0].phones[0].phone", card(phones=[{"type": "HOME"}])),
    ("message.contacts[0].emails[1].email", card(emails=[{"email": "a@x.example"}, {}])), ("message.contacts[0].urls[0].url", card(urls=[{}])),
    ("message.contacts[0].addresses[0].planet", card(addresses=[{"planet": "Mars"}])), ("message.contacts[0].org.boss", card(org={"boss": "A"})),
    ("message.contacts[0].birthday", card(birthday="23/11/1999")),
    ("message.type", {"kind": "interactive", "body": "?"}), ("message.type", interactive("flow")),
    ("message.body", interactive("buttons", body=" ")), ("message.body", buttons(("1", "Yes"), body="x" * 1025)),
    ("message.body", rows(1) | {"body": "x" * 4097}), ("message.footer", buttons(("1", "Yes"), footer="x" * 61)),
    ("message.header.text", buttons(("1", "Yes"), header="x" * 61)), ("message.header", buttons(("1", "Yes"), header={})),
    ("message.header", buttons(("1", "Yes"), header={"text": "a", "image": {"link": LINK}})), ("message.header", buttons(("1", "Yes"), header=5)),
    ("message.header.audio", buttons(("1", "Yes"), header={"audio": {"link": LINK}})),
    ("message.header.image.link", buttons(("1", "Yes"), header={"image": {"link": "ftp://x"}})),
    ("message.header.image.media_id", buttons(("1", "Yes"), header={"image": {}})),
    ("message.header", rows(1) | {"header": {"image": {"link": LINK}}}),
    ("message.header", interactive("request_contact_info", header="Hello")), ("message.footer", interactive("location_request_message", footer="f")),
    ("message.buttons", interactive("buttons")), ("message.buttons", buttons(*[(str(n), f"B{n}") for n in range(4)])),
    ("message.buttons[2].title", buttons(("1", "A"), ("2", "B"), ("3", "x" * 21))), ("message.buttons[0].title", buttons(("1", ""))),
    ("message.buttons[0].id", buttons(("x" * 257, "A"))), ("message.buttons[1].id", buttons(("1", "A"), ("1", "B"))),
    ("message.buttons[1].title", buttons(("1", "A"), ("2", "A"))), ("message.buttons[0].url", interactive("buttons", buttons=[{"id": "1", "title": "A", "url": "x"}])),
    ("message.sections", interactive("list", button="Open")), ("message.sections", rows(6, 5)), ("message.sections[0].rows", rows(11)),
    ("message.sections[0].rows", rows(0)), ("message.button", rows(1) | {"button": "x" * 21}),
    ("message.sections[0].title", interactive("list", button="O", sections=[{"title": "x" * 25, "rows": [ROW]}])),
    ("message.sections[1].title", interactive("list", button="O", sections=[{"title": "A", "rows": [ROW]}, {"rows": [ROW]}])),
    ("message.sections[0].rows[0].title", interactive("list", button="O", sections=[{"rows": [{"id": "1", "title": "x" * 25}]}])),
    ("message.sections[0].rows[0].description", interactive("list", button="O", sections=[{"rows": [ROW | {"description": "x" * 73}]}])),
    ("message.sections[0].rows[0].id", interactive("list", button="O", sections=[{"rows": [{"id": "x" * 201, "title": "A"}]}])),
    ("message.sections[0].rows[1].id", interactive("list", button="O", sections=[{"rows": [ROW, ROW]}])),
    ("message.sections[1].rows[0].id", interactive("list", button="O", sections=[{"title": "A", "rows": [ROW]}, {"title": "B", "rows": [ROW]}])),
    ("message.display_text", interactive("cta_url", url=LINK)), ("message.display_text", interactive("cta_url", url=LINK, display_text="x" * 21)),
    ("message.url", interactive("cta_url", display_text="Go")), ("message.url", interactive("cta_url", display_text="Go", url="javascript:alert(1)")),
    ("message.buttons", interactive("cta_url", display_text="Go", url=LINK, buttons=[])),
]  # fmt: skip

TAKEN = [
    # words in the thread, spec
    ("Hi", {"kind": "text", "text": "Hi"}), ("x" * 4096, {"kind": "text", "text": "x" * 4096, "preview_url": False}),
    ("Paid.", {"kind": "template", "template": "receipt"}),
    ("Hi Asha, about kurtas", {"kind": "template", "template": "hello", "language": "en", "params": ["Asha", "kurtas"]}),
    ("Photo", {"kind": "image", "link": LINK}), ("x" * 1024, {"kind": "image", "media_id": MEDIA, "caption": "x" * 1024}),
    ("Video", {"kind": "video", "media_id": MEDIA}), ("Audio", {"kind": "audio", "media_id": MEDIA}),
    ("Voice message", {"kind": "audio", "media_id": MEDIA, "voice": True}), ("Sticker", {"kind": "sticker", "link": LINK}),
    ("price.pdf", {"kind": "document", "media_id": MEDIA}), ("Ours", {"kind": "document", "link": LINK, "filename": "o.pdf", "caption": "Ours"}),
    ("Location 13.1, 80.2", place()), ("Shop, 1 MG Road", place(name="Shop", address="1 MG Road")), ("Location -90, 180", place(latitude=-90, longitude=180)),
    ("Ravi", card()),
    ("Ravi +91 98100 00022", card(phones=[{"phone": "+91 98100 00022", "type": "WORK", "wa_id": "919810000022"}], emails=[{"email": "r@x.example"}],
                                  urls=[{"url": LINK}], addresses=[{"city": "Pune"}], org={"company": "R & Co"}, birthday="1999-11-23")),
    ("Choose\n[Yes] [No]", buttons(("1", "Yes"), ("2", "No"))),
    ("Top\nChoose\nEnd\n[" + "x" * 20 + "]", buttons(("i" * 256, "x" * 20), header="Top", footer="End")),
    ("Choose\n[A]", buttons(("1", "A"), header={"image": {"media_id": MEDIA}})),
    ("Choose\n[A]", buttons(("1", "A"), header={"document": {"link": LINK, "filename": "a.pdf"}})),
    ("Choose\n" + " ".join(f"[Row {r}]" for n in (4, 6) for r in range(n)), rows(4, 6)),
    ("Top\nChoose\n[Row]", interactive("list", button="b" * 20, header={"text": "Top"}, sections=[{"rows": [ROW | {"description": "d" * 72}]}])),
    ("Choose\n[Row]", interactive("list", button="b", sections=[{"title": None, "rows": [ROW | {"description": ""}]}])),
    ("Choose\n[Look]", interactive("cta_url", display_text="Look", url=LINK, header={"video": {"link": LINK}})),
    ("Choose", interactive("location_request_message")), ("Choose", interactive("request_contact_info")),
]  # fmt: skip


@pytest.fixture
def thread(business, db):
    """A conversation whose window is open, and a file that is ready at Meta."""
    db.execute(
        """
        create or replace function private.media_for_sending(org_id uuid, media_id uuid, kind text, phone_number_id text) returns jsonb
          language sql as 'select jsonb_build_object(''id'', ''100200300'', ''filename'', ''price.pdf'', ''mime_type'', ''application/pdf'')'
        """
    )
    business.hear(text("wamid.asked", at=business.now() - 60))
    return db.value("select id from public.conversations where org_id = %s", business.org_id)


def send(db, org_id, thread, spec):
    return db.value("select public.send_message(%s, %s, %s)", org_id, thread, json.dumps(spec))["message_id"]


@pytest.mark.parametrize(("field", "spec"), REFUSED, ids=[f"{n} {f}" for n, (f, _) in enumerate(REFUSED)])
def test_message_over_a_limit_is_refused_with_the_name_of_its_field_and_not_queued(
    business, db, thread, member, field, spec
):
    db.as_person(member(business.org_id))

    refusal = db.refusal("select public.send_message(%s, %s, %s)", business.org_id, thread, json.dumps(spec))
    db.as_operator()

    assert refusal.sqlstate == "PT422"
    assert refusal.message.startswith(f"{field} "), refusal.message
    assert business.statuses() == []


@pytest.mark.parametrize(("words", "spec"), TAKEN, ids=[f"{n} {s['kind']}" for n, (_, s) in enumerate(TAKEN)])
def test_message_within_the_limits_leaves_as_meta_takes_it_and_reads_well(
    business, db, thread, member, words, spec
):
    db.as_person(member(business.org_id))
    message = send(db, business.org_id, thread, spec)
    db.as_operator()

    (claimed,) = business.claim()["messages"]

    assert business.message(message)["text"] == words
    payload = claimed["payload"]
    if spec["kind"] != "template":
        assert check_message(payload, "911140000001", lambda media: media == "100200300") == (
            spec["kind"],
            "919810000011",
        )
    assert payload["type"] == spec["kind"]
    assert business.table("public.conversations")[0]["last_message_text"] == words[:160]


def test_too_long_title_says_how_long_it_may_be(business, db, thread, member):
    db.as_person(member(business.org_id))
    spec = buttons(("1", "A"), ("2", "B"), ("3", "x" * 31))

    refusal = db.refusal("select public.send_message(%s, %s, %s)", business.org_id, thread, json.dumps(spec))

    assert refusal.message == "message.buttons[2].title has 31 characters, WhatsApp takes 20"
    assert refusal.detail == "field_too_long"


def test_answer_quotes_a_message_of_its_own_conversation_only(business, db, thread, member):
    business.hear(text("wamid.other", at=business.now() - 50, sender="919810000022"))
    db.as_person(member(business.org_id))
    spec = {"kind": "text", "text": "Yes", "context_wamid": "wamid.asked"}
    foreign = spec | {"context_wamid": "wamid.other"}

    message = send(db, business.org_id, thread, spec)
    refusal = db.refusal(
        "select public.send_message(%s, %s, %s)", business.org_id, thread, json.dumps(foreign)
    )
    db.as_operator()

    assert refusal.detail == "context_unknown"
    assert business.message(message)["context_wamid"] == "wamid.asked"
    assert business.claim()["messages"][0]["payload"]["context"] == {"message_id": "wamid.asked"}


def test_every_kind_but_templates_needs_an_open_window(business, db, thread, member):
    business.let_pass(86_400)
    db.as_person(member(business.org_id))

    for spec in (
        {"kind": "text", "text": "Hi"},
        place(),
        buttons(("1", "Yes")),
        {"kind": "image", "link": LINK},
    ):
        given = (business.org_id, thread, json.dumps(spec))
        assert db.refusal("select public.send_message(%s, %s, %s)", *given).detail == "window_closed"

    assert send(db, business.org_id, thread, {"kind": "template", "template": "receipt"})


def test_repeat_with_the_same_token_is_the_same_message_even_when_the_window_has_closed(
    business, db, thread, member
):
    agent, token = member(business.org_id), uuid4()
    given = (business.org_id, thread, '{"kind": "text", "text": "Hi"}', token)
    db.as_person(agent)
    first = db.value("select public.send_message(%s, %s, %s, %s)", *given)
    db.as_operator()
    business.let_pass(86_400)

    db.as_person(agent)

    assert db.value("select public.send_message(%s, %s, %s, %s)", *given) == first


def test_operator_sends_any_kind(business, db, thread):
    ids = business.send(ASHA, message=place(name="Shop"))

    refusal = db.refusal(
        "select worker.send_messages(%s, %s)",
        business.org_id,
        json.dumps([{"to": ASHA, "text": "Hi"}, {"to": ASHA, "message": place(latitude=200)}]),
    )

    assert refusal.message == "Message 2 of 2: message.latitude lies outside -90 to 90"
    assert [business.message(i)["kind"] for i in ids] == ["location"]
    assert business.statuses() == ["queued"]


def test_conversation_is_started_once_with_a_contact_on_a_connected_number(business, db, member):
    lead = call(db, "add_lead", org_id=business.org_id, lead={"name": "Ravi", "phone": "+919810000022"})
    nobody = db.value(
        "insert into public.contacts (org_id, name) values (%s, 'Nobody') returning id", business.org_id
    )
    contact, other = lead["contact_id"], fresh_org(db)
    start = "select public.start_conversation(%s, %s, %s)"
    db.as_person(member(business.org_id))

    first = db.value(start, business.org_id, contact, None)
    again = db.value(start, business.org_id, contact, business.number_id)

    assert first == again
    assert db.refusal(start, business.org_id, nobody, None).detail == "contact_without_address"
    assert db.refusal(start, business.org_id, uuid4(), None).detail == "contact_unknown"
    assert db.refusal(start, business.org_id, contact, uuid4()).detail == "number_not_connected"
    assert db.refusal(start, other, contact, None).sqlstate == "PT404"
    db.as_operator()
    call(db, "disconnect_whatsapp", org_id=business.org_id)
    db.as_person(member(business.org_id))
    assert db.refusal(start, business.org_id, contact, None).detail == "number_not_connected"

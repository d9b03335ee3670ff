"""A message made from a template is what Meta takes, or is refused with the part that is wrong."""

import json

import psycopg
import pytest

from tests.business import Business, Json, fresh_org, text
from tests.database import Database
from tests.sql.templates import (
    CALL,
    CODE_BODY,
    COPY,
    FLOW,
    OTP,
    PLAIN_URL,
    REPLY,
    URL,
    Chance,
    as_sandbox,
    body,
    buttons,
    header,
    message,
    stored,
    template,
)
from workers.sandbox.graph_errors import GraphError
from workers.sandbox.templates import check_use

PLACE = {"latitude": 13.0827, "longitude": "80.27", "name": "Shop", "address": "1 Anna Salai"}
MEDIA = "0b8a4d0e-0000-4000-8000-000000000001"
TEMPLATES = [
    template("greet", header("Order {{1}}"), body("Dear {{2}} of {{1}}."), {"type": "FOOTER", "text": "Thanks"}),
    template("dear", header("For {{whose}}"), body("Dear {{who}}, {{what}}."), parameter_format="NAMED"),
    template("odd", body("Dear {{body}}, {{header}}."), parameter_format="NAMED"),
    template("plain", body("Paid.")),
    template("image", header(form="IMAGE"), body("Look.")),
    template("video", header(form="VIDEO"), body("Look.")),
    template("paper", header(form="DOCUMENT"), body("Invoice {{1}}.")),
    template("place", header(form="LOCATION"), body("Come.")),
    template("buttons", body("Choose."), buttons(REPLY, CALL, PLAIN_URL, URL, COPY)),
    template("flow", body("Book."), buttons(FLOW)),
    template("code", CODE_BODY, buttons(OTP), category="AUTHENTICATION"),
    template("textless", {"type": "BODY"}, buttons({"type": "OTP", "otp_type": "COPY_CODE"}), category="AUTHENTICATION"),
    template("long", body("x" * 1000 + " {{1}}.")),
    template("carousel", body("Swipe."), {"type": "CAROUSEL", "cards": []}),
    template("reels", header(form="PRODUCT"), body("Look.")),
    template("catalogue", body("Look."), buttons({"type": "MPM", "text": "View"})),
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(dsn: str) -> Business:
    """An organization with a template of every shape."""
    with Database.connect(dsn) as connection:
        made = Business(connection, fresh_org(connection))
        stored(made, *TEMPLATES)
        # What the file's own helper answers; the real one needs an uploaded file.
        connection.execute(
            """
            drop function if exists private.media_for_sending(uuid, uuid, text, text);
            create function private.media_for_sending(org_id uuid, media_id uuid, kind text, phone_number_id text)
              returns jsonb language sql as $$ select jsonb_build_object('id', '99' || $4, 'filename', 'bill.pdf', 'mime_type', $3) $$
            """
        )
        yield made
        connection.rollback()


def value(words: str) -> Json:
    return {"type": "text", "text": words}


def named(name: str, words: str) -> Json:
    return {"type": "text", "parameter_name": name, "text": words}


def part(kind: str, *parameters: Json) -> Json:
    return {"type": kind, "parameters": list(parameters)}


def button(index: int, kind: str, parameter: Json) -> Json:
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [parameter]}


BUTTONS = [
    button(3, "url", value("A%2042%26")),
    button(4, "copy_code", {"type": "coupon_code", "coupon_code": "SAVE20"}),
]
CODE = [part("body", value("482910")), button(0, "url", value("482910"))]
SHAPES = [
    pytest.param("greet", {"header": "42", "body": ["Sharma & Co", "Asha"]},
                 [part("header", value("42")), part("body", value("Sharma & Co"), value("Asha"))],
                 "Order 42\nDear Asha of Sharma & Co.\nThanks", id="positional by number"),
    pytest.param("greet", {"header": ["{{1}}"], "body": {"2": "{{1}} \\1", "1": 7}},
                 [part("header", value("{{1}}")), part("body", value("7"), value("{{1}} \\1"))],
                 "Order {{1}}\nDear {{1}} \\1 of 7.\nThanks", id="values that look like placeholders"),
    pytest.param("dear", {"header": {"whose": "Asha"}, "body": {"what": "kurta", "who": "Asha"}},
                 [part("header", named("whose", "Asha")), part("body", named("who", "Asha"), named("what", "kurta"))],
                 "For Asha\nDear Asha, kurta.", id="named"),
    pytest.param("dear", {"header": "Asha", "body": ["who=Asha=1", "what=kurta"]},
                 [part("header", named("whose", "Asha")), part("body", named("who", "Asha=1"), named("what", "kurta"))],
                 "For Asha\nDear Asha=1, kurta.", id="named as the command line gives them"),
    pytest.param("odd", {"body": "A", "header": "B"}, [part("body", named("body", "A"), named("header", "B"))],
                 "Dear A, B.", id="placeholders named like parts"),
    pytest.param("odd", {"body": ["A", " B\n\tC     D "]}, [part("body", named("body", "A"), named("header", "B C   D"))],
                 "Dear A, B C   D.", id="the same by part, cleaned"),
    pytest.param("plain", None, None, "Paid.", id="nothing to fill"),
    pytest.param("plain", {}, None, "Paid.", id="an empty object"),
    pytest.param("image", {"header": {"link": "https://cdn.example/a.png?x=1"}},
                 [part("header", {"type": "image", "image": {"link": "https://cdn.example/a.png?x=1"}})], "Look.", id="image by link"),
    pytest.param("image", {"header": MEDIA}, [part("header", {"type": "image", "image": {"id": "99{number}"}})], "Look.", id="stored image"),
    pytest.param("video", {"header": "https://cdn.example/a.mp4"},
                 [part("header", {"type": "video", "video": {"link": "https://cdn.example/a.mp4"}})], "Look.", id="video"),
    pytest.param("paper", {"header": {"media_id": MEDIA}, "body": ["7"]},
                 [part("header", {"type": "document", "document": {"id": "99{number}", "filename": "bill.pdf"}}), part("body", value("7"))],
                 "Invoice 7.", id="stored document"),
    pytest.param("place", {"header": PLACE}, [part("header", {"type": "location", "location": PLACE | {"latitude": "13.0827"}})],
                 "Come.", id="location"),
    pytest.param("buttons", {"buttons": ["A 42&", "SAVE20"]},
                 [button(3, "url", value("A%2042&")), BUTTONS[1]], "Choose.", id="buttons that need a value, in order"),
    pytest.param("buttons", {"buttons": [{"index": 0, "value": "yes"}, {"index": 4, "value": "SAVE20"}, {"index": 3, "value": "x"}]},
                 [button(0, "quick_reply", {"type": "payload", "payload": "yes"}), button(3, "url", value("x")), BUTTONS[1]],
                 "Choose.", id="buttons by index"),
    pytest.param("buttons", {"buttons": {"3": "ü", "4": "SAVE20"}}, [button(3, "url", value("%C3%BC")), BUTTONS[1]], "Choose.", id="an address escaped"),
    pytest.param("flow", [], [button(0, "flow", {"type": "action", "action": {"flow_token": "unused"}})], "Book.", id="flow"),
    pytest.param("code", ["482910"], CODE, "*482910* is your verification code.", id="code in body and button"),
    pytest.param("code", {"body": ["482910"], "buttons": [{"index": 0, "value": "482910"}]}, CODE,
                 "*482910* is your verification code.", id="the same code twice"),
    pytest.param("textless", ["482910"], CODE, "482910", id="code without its words"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "components", "words"), SHAPES)
def test_a_template_and_its_values_become_the_components_that_meta_takes(
    shop, name, params, components, words
):
    made = message(shop, name, params)

    expected = json.loads(json.dumps(components).replace("{number}", shop.phone_number_id))
    found = made["body"]["template"]
    assert (found["name"], found["language"], found.get("components")) == (name, {"code": "en"}, expected)
    assert (made["kind"], made["text"]) == ("template", words)
    assert made.get("media_id") == (MEDIA if MEDIA in json.dumps(params) else None)
    check_use(as_sandbox(next(t for t in TEMPLATES if t["name"] == name)), found)


REFUSED = [
    pytest.param("nothing", [], "template_unknown", 'no template "nothing"', id="unknown"),
    pytest.param("carousel", [], "template_unsupported", "CAROUSEL", id="carousel"),
    pytest.param("reels", [], "template_unsupported", "header PRODUCT", id="header of another kind"),
    pytest.param("catalogue", [], "template_unsupported", "button MPM", id="button of another kind"),
    pytest.param("greet", ["a", "b"], "template_parameters", "takes 1 values in its header, 0 were given", id="header forgotten"),
    pytest.param("greet", {"header": "1", "body": ["a"]}, "template_parameters", "takes 2 values in its body, 1 were given", id="too few"),
    pytest.param("greet", {"header": "1", "body": ["a", "b", "c"]}, "template_parameters", "takes 2 values in its body, 3", id="too many"),
    pytest.param("greet", {"header": "1", "body": ["a", " "]}, "template_parameters", "body value 2 is empty", id="blank"),
    pytest.param("greet", {"header": "1", "body": ["a", "\n"]}, "template_parameters", "body value 2 is empty", id="empty once cleaned"),
    pytest.param("greet", {"header": "1", "body": ["\u200b", "b"]}, "template_parameters", "body value 1 is empty", id="nothing to be seen"),
    pytest.param("greet", {"header": "1", "body": ["a", None]}, "template_parameters", "body value 2 is missing", id="null"),
    pytest.param("greet", {"header": "1", "body": ["a", {"b": 1}]}, "template_parameters", "body value 2 is not text", id="an object"),
    pytest.param("greet", {"header": "1", "body": {"1": "a", "3": "b"}}, "template_parameters", "takes a list", id="names for numbers"),
    pytest.param("greet", {"header": "x" * 60, "body": ["a", "b"]}, "template_parameters", "header would have 66 characters", id="long header"),
    pytest.param("dear", {"header": "A", "body": {"who": "A"}}, "template_parameters", "a value for what in its body", id="name missing"),
    pytest.param("dear", {"header": "A", "body": {"who": "A", "what": "B", "when": "C"}}, "template_parameters", "no value named when", id="name unknown"),
    pytest.param("dear", {"header": {"who": "A"}, "body": ["A", "B"]}, "template_parameters", "a value for whose in its header", id="the body's name in the header"),
    pytest.param("plain", "text", "template_parameters", "takes a list of values in its body", id="not a list"),
    pytest.param("plain", {"header": "x"}, "template_parameters", "takes 0 values in its header", id="a header too many"),
    pytest.param("plain", {"header": {"link": "https://x.example/a"}}, "template_parameters", "in its header", id="a file too many"),
    pytest.param("plain", {"buttons": ["x"]}, "template_parameters", "buttons take 0 values, 1", id="a button too many"),
    pytest.param("image", [], "template_parameters", "header needs the image", id="file missing"),
    pytest.param("image", {"header": "http://x.example/a.png"}, "template_parameters", "https link", id="link without TLS"),
    pytest.param("image", {"header": {"link": "https://x.example/a b"}}, "template_parameters", "https link", id="link with a space"),
    pytest.param("image", {"header": {"media_id": "7"}}, "template_parameters", "media_id is a UUID", id="file unknown"),
    pytest.param("place", {"header": "Chennai"}, "template_parameters", "latitude", id="a place in words"),
    pytest.param("place", {"header": PLACE | {"latitude": 91}}, "template_parameters", "latitude", id="off Earth"),
    pytest.param("place", {"header": PLACE | {"name": ""}}, "template_parameters", "header name is empty", id="a place without a name"),
    pytest.param("buttons", {"buttons": ["x"]}, "template_parameters", "button 5 needs a value", id="code of a button missing"),
    pytest.param("buttons", [], "template_parameters", "button 4 needs a value", id="address missing"),
    pytest.param("buttons", {"buttons": ["x", "y" * 16]}, "template_parameters", "button 5 has 16 characters", id="code too long"),
    pytest.param("buttons", {"buttons": ["x", "y", "z"]}, "template_parameters", "buttons take 2 values, 3", id="buttons too many"),
    pytest.param("buttons", {"buttons": [{"index": 1, "value": "x"}, {"index": 3, "value": "x"}, {"index": 4, "value": "x"}]},
                 "template_parameters", "button 2 takes no value", id="value for a call"),
    pytest.param("buttons", {"buttons": [{"index": 2, "value": "x"}, {"index": 3, "value": "x"}, {"index": 4, "value": "x"}]},
                 "template_parameters", "button 3 takes no value", id="value for a fixed address"),
    pytest.param("buttons", {"buttons": [{"index": 5, "value": "x"}]}, "template_parameters", "no index 5", id="no such button"),
    pytest.param("buttons", {"buttons": [{"index": 3, "value": "x"}, {"index": "03", "value": "y"}]}, "template_parameters", "button 4 is given twice", id="twice"),
    pytest.param("code", ["1234567890123456"], "template_parameters", "body value 1 has 16 characters", id="code of 16"),
    pytest.param("code", {"body": ["1"], "buttons": {"0": "2"}}, "template_parameters", "button 1 carries the same code", id="two codes"),
    pytest.param("long", ["y" * 30], "template_parameters", "body would have 1032 characters", id="too long as a whole"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "detail", "words"), REFUSED)
def test_what_meta_would_refuse_is_refused_with_the_part_that_is_wrong(shop, name, params, detail, words):
    told = shop.db.refusal(
        "select private.template_message(%s, %s, %s, 'en', %s)",
        shop.org_id, shop.account_id, name, json.dumps(params),
    )  # fmt: skip

    assert (told.sqlstate, told.detail) == ("PT422", detail)
    assert words in told.message
    assert told.hint


def test_whatever_is_accepted_at_random_is_accepted_by_meta(shop):
    chance, accepted, refused = Chance(20261123), 0, 0
    made = [chance.template(number) for number in range(250)]
    stored(shop, *TEMPLATES, *made)

    for one in made:
        for _ in range(4):
            params = chance.params(one)
            try:
                queued = message(shop, one["name"], params)
            except psycopg.Error as error:
                if error.sqlstate != "PT422":
                    raise
                refused += 1
                continue
            accepted += 1
            try:
                rendered = check_use(as_sandbox(one), queued["body"]["template"])
            except GraphError as error:
                pytest.fail(f"{error.code} {error.details}: {one} {params} {queued}")
            assert rendered in queued["text"]

    assert min(accepted, refused) > 200, (accepted, refused)


def test_a_code_goes_to_a_phone_number_only(shop):
    shop.hear(text("wamid.hidden", sender=None, user="IN.13700000000000001"))

    told = shop.db.refusal(
        "select worker.send_messages(%s, %s)",
        shop.org_id,
        json.dumps(
            [{"to": "IN.13700000000000001", "template": "code", "language": "en", "params": ["482910"]}]
        ),
    )

    assert (told.sqlstate, told.detail) == ("PT422", "recipient_needs_phone")
    (sent,) = shop.send("+919810000011", template="code", language="en", params=["482910"])
    assert shop.message(sent)["status"] == "queued"

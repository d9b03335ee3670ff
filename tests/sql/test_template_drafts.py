"""A template is written at Meta only when Meta would take it, and stored only when Meta took it."""

import json
from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org, post, webhook
from tests.sql.templates import CALL, FLOW, PLAIN_URL, REPLY, body, buttons, header, stored, template
from workers.sandbox.graph_errors import GraphError
from workers.sandbox.models import Account
from workers.sandbox.template_checks import check_new

BODY = body("Dear {{1}}, about {{2}}.") | {"example": {"body_text": [["Asha", "kurtas"]]}}
NAMED = body("Dear {{who}}, hello.") | {
    "example": {"body_text_named_params": [{"param_name": "who", "example": "Asha"}]}
}
URL = {
    "type": "URL",
    "text": "Track",
    "url": "https://shop.example/{{1}}",
    "example": ["https://shop.example/42"],
}
COPY = {"type": "COPY_CODE", "example": "SAVE20"}
OTP = {"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}
SAMPLE = {"example": {"header_handle": ["4::abc"]}}


def draft(*parts, **more):
    return {
        "name": "hello",
        "language": "en",
        "category": "UTILITY",
        "components": list(parts or [BODY]),
    } | more


def code(*parts, **more):
    return draft(*parts, category="AUTHENTICATION", **more)


TAKEN = [
    pytest.param(draft(), id="plain"),
    pytest.param(draft(body("Paid."), {"type": "FOOTER", "text": "x" * 60}), id="without variables"),
    pytest.param(draft(NAMED), id="named"),
    pytest.param(draft(header("For {{1}}") | {"example": {"header_text": ["Asha"]}}, BODY), id="header"),
    pytest.param(draft(header(form="IMAGE") | SAMPLE, BODY), id="image"),
    pytest.param(draft(header(form="LOCATION"), BODY), id="place"),
    pytest.param(draft(BODY, buttons(REPLY, REPLY, URL, CALL, PLAIN_URL, COPY)), id="buttons in groups"),
    pytest.param(draft(BODY, buttons(URL, REPLY)), id="quick replies last"),
    pytest.param(draft(BODY, buttons(FLOW)), id="flow"),
    pytest.param(draft(body("x" * 1024)), id="1024 characters"),
    pytest.param(draft(language="pt_BR", category="marketing"), id="language with a country"),
    pytest.param(code({"type": "BODY", "add_security_recommendation": True},
                      {"type": "FOOTER", "code_expiration_minutes": 10}, buttons(OTP)), id="code"),
]  # fmt: skip


@pytest.mark.parametrize("given", TAKEN)
def test_a_draft_that_meta_takes_is_taken_as_it_is(db, given):
    checked = db.value("select private.check_template(%s)", json.dumps(given))

    assert checked["components"] == given["components"]
    assert checked["parameter_format"] == ("NAMED" if NAMED in given["components"] else "POSITIONAL")
    assert check_new(Account(waba_id="1"), checked).status == "PENDING"


WRONG = [
    pytest.param("a list", "template_draft", "is not an object", id="no object"),
    pytest.param(draft(colour="red"), "template_draft", "unknown key: colour", id="unknown key"),
    pytest.param(draft(name="Hello"), "template_name", "lower-case", id="capitals in the name"),
    pytest.param(draft(name="x" * 513), "template_name", "512", id="long name"),
    pytest.param(draft(language="english"), "template_language", "en_US", id="language"),
    pytest.param(draft(category="OTHER"), "template_category", "MARKETING", id="category"),
    pytest.param(draft(components={}), "template_components", "list of parts", id="components"),
    pytest.param(draft(BODY, {"type": "CAROUSEL"}), "template_components", "CAROUSEL", id="a part that Flow cannot make"),
    pytest.param(draft(BODY, BODY), "template_body", "twice", id="two bodies"),
    pytest.param(draft(header("x")), "template_body", "is missing", id="no body"),
    pytest.param(draft(body(" ")), "template_body", "is empty", id="empty body"),
    pytest.param(draft(body("x" * 1025)), "template_body", "1025 characters", id="long body"),
    pytest.param(draft(body("Dear {{1}") | {"example": BODY["example"]}), "template_body", "broken variable", id="one brace"),
    pytest.param(draft(body("Dear {{ 1 }}, hi.") | {"example": {"body_text": [["a"]]}}), "template_body", "broken variable", id="spaces in braces"),
    pytest.param(draft(body("Dear {{1}}, {{3}}.") | {"example": BODY["example"]}), "template_body", "1, 2, 3", id="a number left out"),
    pytest.param(draft(body("Dear {{who}}, {{1}}.") | {"example": BODY["example"]}), "template_body", "mixes", id="names and numbers"),
    pytest.param(draft(body("Dear {{Who}}, hi.") | {"example": NAMED["example"]}), "template_body", "capitals", id="a name in capitals"),
    pytest.param(draft(NAMED, parameter_format="POSITIONAL"), "template_body", "1, 2, 3", id="names where numbers were promised"),
    pytest.param(draft(parameter_format="OTHER"), "template_parameter_format", "POSITIONAL or NAMED", id="format"),
    pytest.param(draft(body("{{1}} is here.") | {"example": {"body_text": [["a"]]}}), "template_body", "begins or ends", id="variable first"),
    pytest.param(draft(body("Here is {{1}}") | {"example": {"body_text": [["a"]]}}), "template_body", "begins or ends", id="variable last"),
    pytest.param(draft(body("Dear {{1}}, {{2}}.")), "template_examples", "must be 2 for the body", id="no examples"),
    pytest.param(draft(body("Dear {{1}}, {{2}}.") | {"example": {"body_text": [["a", ""]]}}), "template_examples", "must be 2", id="an empty example"),
    pytest.param(draft(body("Dear {{who}}, hi.") | {"example": {"body_text": [["a"]]}}), "template_examples", "lack one", id="a named example missing"),
    pytest.param(draft(header("x" * 61), BODY), "template_header", "61 characters", id="long header"),
    pytest.param(draft(header("A {{1}} {{2}}") | {"example": {"header_text": ["a", "b"]}}, BODY), "template_header", "one variable", id="header with two"),
    pytest.param(draft(header("A {{1}}"), BODY), "template_examples", "must be 1 for the header", id="header without example"),
    pytest.param(draft(header("A *b*"), BODY), "template_header", "asterisk", id="bold header"),
    pytest.param(draft(header("Sale 🎉"), BODY), "template_header", "emoji", id="emoji in the header"),
    pytest.param(draft(header(form="IMAGE"), BODY), "template_header", "sample file", id="image without sample"),
    pytest.param(draft(header(form="GIF"), BODY), "template_header", "has a format", id="header of another kind"),
    pytest.param(draft(BODY, {"type": "FOOTER", "text": "x" * 61}), "template_footer", "60", id="long footer"),
    pytest.param(draft(BODY, {"type": "FOOTER", "text": "For {{1}}"}), "template_footer", "no variable", id="variable in the footer"),
    pytest.param(draft(BODY, buttons()), "template_buttons", "1 to 10", id="no buttons"),
    pytest.param(draft(BODY, buttons(*[REPLY] * 11)), "template_buttons", "1 to 10", id="eleven buttons"),
    pytest.param(draft(BODY, buttons({"type": "FAX", "text": "x"})), "template_buttons", "button 1 is of an unknown type", id="unknown button"),
    pytest.param(draft(BODY, buttons(REPLY | {"text": "x" * 26})), "template_buttons", "1 to 25 characters", id="long button"),
    pytest.param(draft(BODY, buttons(REPLY | {"text": "Hi {{1}}"})), "template_buttons", "no variable", id="variable in a button"),
    pytest.param(draft(BODY, buttons(REPLY, URL, REPLY)), "template_buttons", "mix quick replies", id="buttons mixed"),
    pytest.param(draft(BODY, buttons(URL, URL, URL)), "template_buttons", "too many of type URL", id="three addresses"),
    pytest.param(draft(BODY, buttons(URL | {"url": "shop.example"})), "template_buttons", "needs an address", id="no address"),
    pytest.param(draft(BODY, buttons(URL | {"url": "https://{{1}}.example"})), "template_buttons", "needs an address", id="variable as the host"),
    pytest.param(draft(BODY, buttons(URL | {"url": "https://a.example/{{1}}/b"})), "template_buttons", "very end", id="variable in the middle"),
    pytest.param(draft(BODY, buttons(URL | {"example": None})), "template_examples", "address of button 1", id="address without example"),
    pytest.param(draft(BODY, buttons(URL | {"url": "https://a.example/" + "x" * 2000})), "template_buttons", "2000", id="long address"),
    pytest.param(draft(BODY, buttons(CALL | {"phone_number": "call me"})), "template_buttons", "phone_number", id="no number"),
    pytest.param(draft(BODY, buttons(COPY | {"example": "x" * 16})), "template_examples", "1 to 15", id="long code"),
    pytest.param(draft(BODY, buttons({"type": "FLOW", "text": "x"})), "template_buttons", "flow_id", id="flow without id"),
    pytest.param(draft(BODY, buttons(OTP)), "template_buttons", "does not fit the category", id="code in a plain template"),
    pytest.param(code(BODY, buttons(OTP)), "template_body", "Meta's own", id="code with a text"),
    pytest.param(code({"type": "BODY"}), "template_buttons", "one OTP", id="code without a button"),
    pytest.param(code({"type": "BODY"}, buttons(REPLY)), "template_buttons", "does not fit", id="code with a reply"),
    pytest.param(code({"type": "BODY"}, buttons(OTP | {"otp_type": "ONE_TAP"})), "template_buttons", "supported_apps", id="one tap without apps"),
    pytest.param(code({"type": "BODY"}, {"type": "FOOTER", "code_expiration_minutes": 91}, buttons(OTP)), "template_footer", "1 to 90", id="code for too long"),
    pytest.param(code(header("x"), {"type": "BODY"}, buttons(OTP)), "template_header", "does not belong", id="code with a header"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "detail", "words"), WRONG)
def test_a_draft_that_meta_would_refuse_is_refused_by_its_field(db, given, detail, words):
    told = db.refusal("select private.check_template(%s)", json.dumps(given))

    assert (told.sqlstate, told.detail) == ("PT422", detail)
    assert words in told.message
    assert told.hint


# Writing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(db):
    made = Business(db, fresh_org(db))
    stored(made)
    return made


def begin(shop, action="create", given=None):
    return call(shop.db, "begin_template_write", org_id=shop.org_id, action=action, draft=given or draft())


def finish(shop, begun, outcome="done", **more):
    return call(
        shop.db,
        "finish_template_write",
        org_id=shop.org_id,
        write_id=begun["write_id"],
        outcome=outcome,
        **more,
    )


def refused(shop, action="create", given=None):
    return shop.db.refusal(
        "select worker.begin_template_write(%s, %s, %s)", shop.org_id, action, json.dumps(given or draft())
    )


def live(shop, name="hello"):
    return [
        t for t in shop.table("public.message_templates") if t["name"] == name and t["status"] != "DELETED"
    ]


def made(shop, status="APPROVED", **more):
    finish(
        shop, begin(shop, given=draft(**more)), answer={"id": "7", "status": status, "category": "UTILITY"}
    )


def test_a_new_template_goes_to_meta_and_is_stored_as_meta_answered(shop):
    begun = begin(shop)
    before = live(shop)

    done = finish(shop, begun, answer={"id": "7", "status": "PENDING", "category": "MARKETING"})

    (row,) = live(shop)
    assert (begun["waba_id"], begun["token"], begun["draft"]["components"]) == (shop.waba, "EAAtoken", [BODY])
    assert before == []
    assert (row["meta_id"], row["status"], row["category"], row["body_params"]) == (
        "7",
        "PENDING",
        "MARKETING",
        2,
    )
    assert (done["template_id"], done["status"]) == (row["id"], "PENDING")
    assert (
        shop.db.value(
            "select count(*) from public.audit_log where org_id = %s and action = 'template.created'",
            shop.org_id,
        )
        == 1
    )


@pytest.mark.parametrize("outcome", ["refused", "unknown"])
def test_what_meta_did_not_take_leaves_nothing_behind(shop, outcome):
    finish(shop, begin(shop), outcome)

    assert live(shop) == []
    assert shop.db.value(
        "select wanted_at is not null from private.template_syncs where org_id = %s", shop.org_id
    )
    begin(shop)


def test_a_write_ends_once(shop):
    begun = begin(shop)
    finish(shop, begun)

    again = shop.db.refusal(
        "select worker.finish_template_write(%s, %s, 'done')", shop.org_id, begun["write_id"]
    )

    assert (again.sqlstate, again.detail) == ("PT404", "write_unknown")


def test_the_same_template_twice_is_refused_while_it_is_made_and_after(shop):
    begun = begin(shop)
    assert (refused(shop).sqlstate, refused(shop).detail) == ("PT409", "template_exists")
    begin(shop, given=draft(language="hi"))

    finish(shop, begun)

    assert (refused(shop).sqlstate, refused(shop).detail) == ("PT409", "template_exists")


def test_a_101st_template_within_an_hour_has_to_wait(shop):
    shop.db.execute(
        """
        insert into private.template_writes (org_id, account_id, action, name, language, outcome, begun_at)
        select %s, %s, 'create', 't' || n, 'en', 'done', now() - n * interval '30 seconds' from generate_series(1, 100) n
        """,
        [shop.org_id, shop.account_id],
    )

    told = refused(shop)

    assert (told.sqlstate, told.detail) == ("PT429", "template_limit")
    # The oldest of the hour is 50 minutes old.
    assert shop.db.value("select %s::timestamptz between now() + interval '9 minutes' and now() + interval '11 minutes'",
                         told.hint.removeprefix("retry_at="))  # fmt: skip


def test_a_changed_template_waits_for_review_again(shop):
    made(shop)

    done = finish(shop, begin(shop, "edit", draft(body("Paid."))), answer={})

    (row,) = live(shop)
    assert (row["status"], row["body_params"], row["meta_id"]) == ("PENDING", 0, "7")
    assert done["status"] == "PENDING"


def test_an_approved_template_is_changed_once_a_day_and_ten_times_in_30_days(shop):
    made(shop)
    again = draft(body("Paid."))

    def approve_and_wait(days):
        shop.db.execute(
            "update public.message_templates set status = 'APPROVED' where org_id = %s", [shop.org_id]
        )
        shop.db.execute(
            "update private.template_writes set begun_at = begun_at - %s * interval '1 day' where org_id = %s",
            [days, shop.org_id],
        )

    for _ in range(10):
        finish(shop, begin(shop, "edit", again))
        approve_and_wait(0)
        assert (refused(shop, "edit", again).sqlstate, refused(shop, "edit", again).detail) == (
            "PT429",
            "template_edit_limit",
        )
        approve_and_wait(2)

    told = refused(shop, "edit", again)
    assert (told.sqlstate, told.detail) == ("PT429", "template_edit_limit")
    approve_and_wait(11)
    begin(shop, "edit", again)


NOT_EDITABLE = [
    pytest.param("PENDING", draft(body("Paid.")), "PT409", "template_not_editable", id="in review"),
    pytest.param("DISABLED", draft(body("Paid.")), "PT409", "template_not_editable", id="disabled"),
    pytest.param("APPROVED", draft(category="MARKETING"), "PT422", "template_category", id="category of an approved one"),
    pytest.param("APPROVED", draft(body("Dear {1}}")), "PT422", "template_body", id="wrong words"),
    pytest.param("APPROVED", draft(name="nobody"), "PT404", "template_unknown", id="unknown"),
    pytest.param("DELETED", draft(), "PT404", "template_unknown", id="deleted"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "given", "sqlstate", "detail"), NOT_EDITABLE)
def test_a_template_that_cannot_be_changed_stays(shop, status, given, sqlstate, detail):
    made(shop, status)

    told = refused(shop, "edit", given)

    assert (told.sqlstate, told.detail) == (sqlstate, detail)


def test_the_category_of_a_rejected_template_can_be_changed(shop):
    made(shop, "REJECTED")

    finish(shop, begin(shop, "edit", draft(category="MARKETING")), answer={})

    assert live(shop)[0]["category"] == "MARKETING"


def test_a_template_is_deleted_in_one_language_or_in_all_and_its_queue_is_not_sent(shop):
    for language in ("en", "hi", "ta"):
        made(shop, language=language)
    (queued,) = shop.send("+919810000011", template="hello", language="hi", params=["a", "b"])

    one = finish(shop, begin(shop, "delete", {"name": "hello", "language": "en"}))
    left = [t["language"] for t in live(shop)]
    rest = finish(shop, begin(shop, "delete", {"name": "hello"}))
    shop.claim()

    assert (one["deleted"], sorted(left), rest["deleted"], live(shop)) == (1, ["hi", "ta"], 2, [])
    assert shop.message(queued)["status"] == "failed"
    assert refused(shop, "delete", {"name": "hello"}).sqlstate == "PT404"


def test_a_review_that_ended_before_the_answer_was_stored_is_not_undone(shop):
    made(shop)
    begun = begin(shop, "edit", draft(body("Paid.")))
    shop.db.execute(
        "update public.message_templates set status = 'REJECTED' where org_id = %s", [shop.org_id]
    )

    finish(shop, begun, answer={})

    assert live(shop)[0]["status"] == "REJECTED"


@pytest.mark.parametrize(
    "reason", ["INVALID_FORMAT", "SCAM", "TAG_CONTENT_MISMATCH"]
)  # whichever sorts first
def test_two_reviews_that_end_in_one_second_leave_the_one_of_the_change(shop, reason):
    made(shop, status="PENDING")

    def review(word, why):
        value = {
            "event": word,
            "reason": why,
            "message_template_name": "hello",
            "message_template_language": "en",
        }
        told = webhook({"field": "message_template_status_update", "value": value}, waba=shop.waba)
        told["entry"][0]["time"] = shop.db.value("select extract(epoch from clock_timestamp())::bigint")
        assert post(shop.db, told)["dead"] == 0

    review("REJECTED", reason)
    assert live(shop)[0]["status"] == "REJECTED"
    finish(shop, begin(shop, "edit", draft(body("Paid."))), answer={})
    review("APPROVED", "NONE")

    assert live(shop)[0]["status"] == "APPROVED"


def test_templates_are_written_in_a_connected_account_only(shop):
    shop.db.execute(
        "update public.whatsapp_accounts set status = 'reconnect' where org_id = %s", [shop.org_id]
    )

    assert (refused(shop).sqlstate, refused(shop).detail) == ("PT409", "not_connected")
    assert (
        shop.db.refusal("select worker.begin_template_write(%s, 'create', '{}')", uuid4()).sqlstate == "PT404"
    )


def test_nothing_is_written_for_a_draft_that_is_wrong(shop):
    with pytest.raises(GraphError):
        check_new(Account(waba_id="1"), draft(body("{{1}}")))

    assert refused(shop, given=draft(body("{{1}}"))).sqlstate == "PT422"
    assert shop.table("private.template_writes") == []


def test_the_operator_sees_the_templates_that_there_are(shop):
    stored(shop, template("gone", body("x")))
    stored(shop, template("hello", body("x {{1}}.")))

    (listed,) = call(shop.db, "list_templates", org_id=shop.org_id)["templates"]

    assert (listed["name"], listed["parameters"]["body"]["count"]) == ("hello", 1)

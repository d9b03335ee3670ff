"""Commands about the ledger, plans, months and the wallet: what they ask, and how they tell it."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from uuid import UUID, uuid4

import pytest

from tests.http.ledger_commands import DONE, ORG, REFUSED, WRONG_USE, Json, done, refused, run
from workers.cli.project import database, settings
from workers.cli.wallet import money, table

OF = ["--org", ORG]

MONTH = [*OF, "--month", "2026-10"]


# Every command: its function, its arguments ---------------------------------------------------------------

STATEMENT = {
    "org_id": ORG, "organization": "Kaveri Valves", "month": "2026-10", "closed": True,
    "closed_at": "2026-11-01T00:00:00+00:00", "currency": "INR", "meta_billing": "flow", "supply": "intra",
    "gst_percent": "18", "messages": 1500,
    "lines": [
        {"category": "marketing", "messages": 1000, "meta_cost": "863.100000", "markup": "86.310000",
         "billed": "949.410000"},
        {"category": "utility", "messages": 500, "meta_cost": "57.500000", "markup": "5.750000",
         "billed": "63.250000"},
    ],
    "details": [
        {"category": "marketing", "pricing_type": "regular", "number_id": str(uuid4()),
         "display_phone": "+91 11400 00001", "rate": "0.863100", "verified": True, "messages": 1000,
         "meta_cost": "863.100000", "markup": "86.310000", "billed": "949.410000"},
        {"category": "utility", "pricing_type": "regular", "number_id": str(uuid4()),
         "display_phone": "+91 11400 00001", "rate": "0.115000", "verified": True, "messages": 500,
         "meta_cost": "57.500000", "markup": "5.750000", "billed": "63.250000"},
    ],
    "meta_cost": "920.600000", "markup": "92.060000", "billed": "1012.660000", "round_off": "0.000000",
    "taxable": "1012.66", "cgst": "91.14", "sgst": "91.14", "igst": "0.00", "total": "1194.94",
    "wallet": None, "others": [],
}  # fmt: skip

PLAN = {
    "meta_billing": "flow", "supply": "intra", "gst_percent": "18",
    "markup": [{"from": "2026-10-01", "percent": "10", "minimum": "0.010"}],
}  # fmt: skip

SPENDING = {
    "org_id": ORG, "prepaid": True, "allow_negative": False, "balance": "1234567.500000", "held": "0.863100",
    "available": "1234566.636900", "daily_cap": "1000.00", "monthly_cap": None, "spent_today": "12.500000",
    "spent_this_month": "812.500000",
    "warnings": [{"period": "day", "percent": 80, "cap": "1000.00", "at": "2026-10-05T10:00:00+00:00"}],
}  # fmt: skip

WALLET = SPENDING | {
    "entries": [
        {"id": 2, "at": "2026-10-05T10:00:00+00:00", "kind": "topup", "amount": "500.00", "month": "2026-10",
         "messages": None, "balance_after": "1234567.500000", "note": "receipt 7"},
    ]
}  # fmt: skip

RATES = {
    "rates": [
        {"market": "IN", "market_name": "India", "currency": "INR", "category": "utility", "rate": "0.115000",
         "from": "2026-10-01", "to": None, "verified": True, "source": None, "note": None},
    ]
}  # fmt: skip

CHECKED = {"ok": True, "months": 12, "entries": 4711, "differences": []}

ASKED = [
    pytest.param(["rates", "list"], "rates", {"market": None}, RATES, id="rates list"),
    pytest.param(["rates", "list", "--market", "IN"], "rates", {"market": "IN"}, RATES, id="market"),
    pytest.param(["ledger", "plan", *OF, "--show"], "billing_plan", {"org_id": ORG}, PLAN, id="plan"),
    pytest.param(
        ["ledger", "close", *MONTH], "close_month", {"org_id": ORG, "month": "2026-10"}, STATEMENT, id="close"
    ),
    pytest.param(
        ["ledger", "statement", *MONTH], "statement", {"org_id": ORG, "month": "2026-10"}, STATEMENT,
        id="statement",
    ),
    pytest.param(["ledger", "caps", "--org", ORG], "spending", {"org_id": ORG}, SPENDING, id="caps shown"),
    pytest.param(
        ["ledger", "caps", "--org", ORG, "--daily", "1000.50"], "set_spending_caps",
        {"org_id": ORG, "caps": {"daily": "1000.50"}}, SPENDING, id="cap of a day",
    ),
    pytest.param(
        ["ledger", "caps", "--org", ORG, "--daily", "none", "--monthly", "0"], "set_spending_caps",
        {"org_id": ORG, "caps": {"daily": None, "monthly": "0"}}, SPENDING, id="cap taken away",
    ),
    pytest.param(["ledger", "check", "--org", ORG], "check_ledger", {"org_id": ORG}, CHECKED, id="check"),
    pytest.param(["wallet", "show", "--org", ORG], "wallet", {"org_id": ORG}, WALLET, id="wallet show"),
    pytest.param(
        ["wallet", "set", "--org", ORG, "--prepaid", "on", "--allow-negative", "off"], "set_wallet",
        {"org_id": ORG, "settings": {"prepaid": True, "allow_negative": False}}, SPENDING, id="wallet set",
    ),
    pytest.param(
        ["wallet", "set", "--org", ORG, "--prepaid", "off"], "set_wallet",
        {"org_id": ORG, "settings": {"prepaid": False}}, SPENDING, id="one setting of a wallet",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("args", "name", "given", "answer"), ASKED)
def test_a_command_asks_one_function_and_prints_its_answer(gateway, args, name, given, answer):
    gateway.answer(name, answer)

    printed = done(*args)

    assert gateway.asked == [(name, given)]
    assert printed == answer


@pytest.mark.parametrize(("args", "name", "given", "answer"), ASKED)
def test_a_refusal_of_the_database_keeps_its_words(gateway, args, name, given, answer):
    gateway.refuse(name, "There is no such organization.", "organization_not_found", status=404)

    error = refused(*args)

    assert error == {"message": "There is no such organization.", "detail": "organization_not_found"}


@pytest.mark.parametrize(("args", "name", "given", "answer"), ASKED)
def test_people_get_lines_instead_of_json(gateway, args, name, given, answer):
    gateway.answer(name, answer)

    result = run(*args)

    assert result.exit_code == DONE
    assert result.stdout.strip()
    assert not result.stdout.startswith("{")


WRONG = [
    pytest.param(["rates", "import"], id="no file"),
    pytest.param(["rates", "remove"], id="unknown command"),
    pytest.param(["ledger", "plan"], id="plan of nobody"),
    pytest.param(["ledger", "plan", "--org", ORG], id="plan without standard input"),
    pytest.param(["ledger", "close", "--org", ORG], id="close without month"),
    pytest.param(["ledger", "close", "--month", "2026-10"], id="close of nobody"),
    pytest.param(["ledger", "close", "--org", "7", "--month", "2026-10"], id="organization that is no UUID"),
    pytest.param(["ledger", "statement", "--org", ORG], id="statement without month"),
    pytest.param(["ledger", "statement", *MONTH, "--pdf", "a", "--csv", "a"], id="one file twice"),
    pytest.param(["ledger", "entries", "--org", ORG], id="entries without month"),
    pytest.param(["ledger", "caps"], id="caps of nobody"),
    pytest.param(["ledger", "check"], id="check of nobody"),
    pytest.param(["wallet", "show"], id="wallet of nobody"),
    pytest.param(["wallet", "set", "--org", ORG], id="wallet set to nothing"),
    pytest.param(["wallet", "set", "--org", ORG, "--prepaid", "yes"], id="neither on nor off"),
    pytest.param(["wallet", "topup", "--org", ORG], id="top-up without amount"),
    pytest.param(["wallet", "topup", "--org", ORG, "--amount", "none"], id="top-up of none"),
    pytest.param(["wallet", "topup", "--org", ORG, "--amount", "5", "--token", "7"], id="token no UUID"),
]  # fmt: skip


@pytest.mark.parametrize("args", WRONG)
def test_wrong_use_is_exit_status_2_and_asks_nothing(gateway, args):
    result = run(*args, stdin="")

    assert result.exit_code == WRONG_USE
    assert "Traceback" not in result.output
    assert gateway.asked == []


AMOUNTS = ["", "-5", "+5", "1e3", "5.", ".5", "1,000", "0.1234567", "५", "5 ", "0x10", "nan", "₹5"]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize(
    "args", [["ledger", "caps", "--daily"], ["wallet", "topup", "--amount"]], ids="-".join
)
def test_what_is_no_amount_is_wrong_use(gateway, args, amount):
    group, command, option = args

    result = run(group, command, "--org", ORG, f"{option}={amount}")

    assert result.exit_code == WRONG_USE
    assert "is not an amount" in result.stderr
    assert gateway.asked == []


def test_without_a_project_the_ledger_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("SUPABASE_URL", "FLOW_DATABASE_URL", "FLOW_DATA"):
        monkeypatch.delenv(name, raising=False)
    for cached in (settings, database):
        cached.cache_clear()

    assert refused("ledger", "check", "--org", ORG)["detail"] == "no_stack"


# Plan -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_a_plan_goes_from_standard_input_to_the_database_as_it_is(gateway, mark):
    gateway.answer("set_billing_plan", PLAN | {"org_id": ORG})

    printed = done("ledger", "plan", "--org", ORG, stdin=mark + json.dumps(PLAN, indent=1))

    assert gateway.asked == [("set_billing_plan", {"org_id": ORG, "plan": PLAN})]
    assert printed == PLAN | {"org_id": ORG}


def test_a_whole_number_in_a_plan_is_for_the_database_to_refuse(gateway):
    gateway.refuse(
        "set_billing_plan", 'plan.gst_percent is not a percentage as text, like "18"', "field_invalid"
    )

    error = refused("ledger", "plan", "--org", ORG, stdin='{"gst_percent": 18}')

    assert gateway.asked == [("set_billing_plan", {"org_id": ORG, "plan": {"gst_percent": 18}})]
    assert error["message"].startswith("plan.gst_percent")
    assert error["detail"] == "field_invalid"


@pytest.mark.parametrize(
    ("stdin", "words", "detail"),
    [
        pytest.param("{", "line 1, column 2", "plan_not_json", id="broken"),
        pytest.param("[1]", "not one JSON object", "plan_not_json", id="list"),
        pytest.param(b"\xff{}", "not UTF-8", "plan_not_json", id="not UTF-8"),
        pytest.param('{"gst_percent": NaN}', "NaN", "plan_not_json", id="NaN"),
        pytest.param('{"supply": "a", "supply": "b"}', '"supply" stands twice', "plan_not_json", id="twice"),
        pytest.param("[" * 100_000, "nested too deeply", "plan_not_json", id="deep"),
        pytest.param(
            '{"markup": [{"from": "2026-10-01", "percent": 10.50}]}',
            'plan.markup[0].percent: is a number: write it as text, "10.50"',
            "field_invalid",
            id="number with a fraction",
        ),
    ],
)
def test_a_plan_that_is_no_plan_is_refused_before_any_call(gateway, stdin, words, detail):
    error = refused("ledger", "plan", "--org", ORG, stdin=stdin)

    assert words in error["message"]
    assert error["detail"] == detail
    assert gateway.asked == []


# Months ---------------------------------------------------------------------------------------------------


def test_a_month_that_is_not_over_says_when_it_may_be_closed(gateway):
    gateway.answers["close_month"] = [
        (409, {"code": "PT409", "message": "2026-11 is not over yet", "details": "month_not_over",
               "hint": "retry_at=2026-11-30T18:30:00Z"})
    ]  # fmt: skip

    error = refused("ledger", "close", "--org", ORG, "--month", "2026-11")

    assert error == {
        "message": "2026-11 is not over yet", "detail": "month_not_over", "retry_at": "2026-11-30T18:30:00Z"
    }  # fmt: skip


def test_a_statement_is_shown_in_rupees_and_each_other_currency_by_itself(gateway):
    dollars = STATEMENT | {"currency": "USD", "lines": [], "total": "1234567.80"}
    gateway.answer("statement", STATEMENT | {"others": [dollars]})

    shown = run("ledger", "statement", *MONTH).stdout

    assert "Kaveri Valves, 2026-10, INR: closed 2026-11-01T00:00:00+00:00" in shown
    assert "₹863.100000" in shown
    assert "\nTotal        ₹1,194.94\n" in shown
    assert "USD 1,234,567.80" in shown


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the module that lays statements out: its own tests look at real ones."""
    made = ModuleType("workers.billing")
    made.statement = SimpleNamespace(  # type: ignore[attr-defined]
        Statement=SimpleNamespace(model_validate=lambda given: given["month"]),
        as_pdf=lambda month: b"%PDF- of " + month.encode(),
        as_csv=lambda month: f"₹ of {month}",
    )
    monkeypatch.setitem(sys.modules, "workers.billing", made)


def test_a_statement_is_written_to_files_and_printed_too(gateway, documents):
    gateway.answer("statement", STATEMENT)

    printed = done("ledger", "statement", *MONTH, "--pdf", "october.pdf", "--csv", "october.csv")

    assert printed == STATEMENT
    assert Path("october.pdf").read_bytes() == b"%PDF- of 2026-10"
    assert Path("october.csv").read_bytes() == "₹ of 2026-10".encode()


def test_a_statement_is_written_over_nothing(gateway, documents):
    gateway.answer("statement", STATEMENT)
    Path("october.pdf").write_text("kept")

    error = refused("ledger", "statement", *MONTH, "--csv", "october.csv", "--pdf", "october.pdf")

    assert error["detail"] == "file_exists"
    assert Path("october.pdf").read_text() == "kept"
    assert not Path("october.csv").exists()
    assert gateway.asked == []


def test_a_statement_is_written_over_a_file_when_forced(gateway, documents):
    gateway.answer("statement", STATEMENT)
    Path("october.pdf").write_text("kept for a while, and longer than what comes")

    done("ledger", "statement", *MONTH, "--pdf", "october.pdf", "--force")

    assert Path("october.pdf").read_bytes() == b"%PDF- of 2026-10"


def test_a_statement_that_is_refused_leaves_no_file(gateway, documents):
    gateway.refuse("statement", "The month is not written like 2026-10", "month_invalid")

    refused("ledger", "statement", *MONTH, "--csv", "october.csv")

    assert not Path("october.csv").exists()


def test_a_statement_that_cannot_be_written_is_refused(gateway, documents):
    gateway.answer("statement", STATEMENT)

    error = refused("ledger", "statement", *MONTH, "--csv", "nowhere/october.csv")

    assert error["detail"] == "file_unwritable"
    assert "nowhere/october.csv" in error["message"]


# Entries --------------------------------------------------------------------------------------------------


def entry(number: int, **more: object) -> Json:
    return {
        "id": number, "wamid": f"wamid.{number}", "billable_at": "2026-10-05T10:00:00+00:00",
        "currency": "INR", "category": "utility", "pricing_type": "regular", "meta_cost": "0.115000",
        "markup": "0.011500", "needs_review": False, "review_reason": None, **more,
    }  # fmt: skip


def test_entries_are_read_page_by_page_and_printed_as_one_list(gateway):
    gateway.answer(
        "ledger_entries",
        {"messages": [entry(9), entry(8)], "next": 8}, {"messages": [entry(3)], "next": None},
    )  # fmt: skip

    printed = done("ledger", "entries", *MONTH)

    common = {"org_id": ORG, "month": "2026-10", "wamid": None, "review_only": False}
    assert [given for _, given in gateway.asked] == [common | {"after": None}, common | {"after": 8}]
    assert printed == {"entries": [entry(9), entry(8), entry(3)]}


def test_entries_of_one_message_and_those_to_review_are_asked_for(gateway):
    gateway.answer("ledger_entries", {"messages": [], "next": None})

    printed = done("ledger", "entries", *MONTH, "--wamid", "wamid.9", "--review")

    assert gateway.asked == [
        ("ledger_entries",
         {"org_id": ORG, "month": "2026-10", "wamid": "wamid.9", "review_only": True, "after": None})
    ]  # fmt: skip
    assert printed == {"entries": []}


def test_entries_for_people_are_a_table_that_names_the_reason_of_a_review(gateway):
    review = entry(8, category=None, pricing_type=None, needs_review=True, review_reason="missing_pricing")
    gateway.answer("ledger_entries", {"messages": [entry(9), review], "next": None})

    lines = run("ledger", "entries", *MONTH).stdout.splitlines()

    assert len(lines) == 4
    assert "₹0.115000" in lines[1]
    assert lines[2].endswith("missing_pricing")
    assert lines[3] == "2 entries"


def test_entries_of_a_month_that_is_none_are_refused(gateway):
    gateway.refuse("ledger_entries", "The month is not written like 2026-10", "month_invalid")

    assert refused("ledger", "entries", "--org", ORG, "--month", "October")["detail"] == "month_invalid"


# Check ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [["--json"], []], ids=["json", "people"])
def test_a_ledger_that_does_not_add_up_is_exit_status_1(gateway, as_json):
    found = {"what": "statement_differs_from_entries", "month": "2026-09", "currency": "INR"}
    answer = CHECKED | {"ok": False, "differences": [found]}
    gateway.answer("check_ledger", answer)

    result = run("ledger", "check", "--org", ORG, *as_json)

    assert result.exit_code == REFUSED
    if as_json:
        assert json.loads(result.stdout) == answer
    else:
        assert "DIFFERS  statement differs from entries: month 2026-09, currency INR" in result.stdout


def test_a_check_that_says_nothing_is_no_check_passed(gateway):
    gateway.answer("check_ledger", {})

    assert run("ledger", "check", "--org", ORG, "--json").exit_code == REFUSED


# Wallet ---------------------------------------------------------------------------------------------------


def test_each_top_up_has_a_token_of_its_own(gateway):
    gateway.answer("top_up", SPENDING)

    printed = [done("wallet", "topup", "--org", ORG, "--amount", "499.50") for _ in range(2)]

    (first, second) = [given for _, given in gateway.asked]
    assert first | {"token": None} == {"org_id": ORG, "amount": "499.50", "note": None, "token": None}
    assert UUID(first["token"]) != UUID(second["token"])
    assert printed[0] == SPENDING | {"token": first["token"]}


def test_a_top_up_can_be_given_its_token_and_a_note(gateway):
    token = str(uuid4())
    gateway.answer("top_up", SPENDING)

    done("wallet", "topup", "--org", ORG, "--amount", "500", "--note", "receipt 7", "--token", token)

    assert gateway.asked == [
        ("top_up", {"org_id": ORG, "amount": "500", "note": "receipt 7", "token": token})
    ]


def test_a_top_up_without_an_answer_names_the_token_that_makes_it_safe_to_repeat(gateway):
    gateway.answers["top_up"] = [(503, {"message": "upstream"})]

    error = refused("wallet", "topup", "--org", ORG, "--amount", "500")

    assert gateway.asked[0][1]["token"] in error["message"]
    assert error["detail"] == "database_unavailable"


def test_a_top_up_that_is_refused_keeps_the_words_of_the_database(gateway):
    gateway.refuse("top_up", "amount is nothing", "amount_invalid")

    error = refused("wallet", "topup", "--org", ORG, "--amount", "0")

    assert error == {"message": "amount is nothing", "detail": "amount_invalid"}


def test_a_wallet_for_people_is_in_lakhs_with_every_decimal(gateway):
    gateway.answer("wallet", WALLET)

    shown = run("wallet", "show", "--org", ORG).stdout

    assert "\nBalance                           ₹12,34,567.50\n" in shown
    assert "\nAvailable                       ₹12,34,566.6369\n" in shown
    assert "\nMonthly cap                                none\n" in shown
    assert "Warning: 80 % of ₹1,000.00 a day was reached" in shown
    assert "receipt 7" in shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0.115000", "INR", "₹0.115"),
        ("0", "INR", "₹0.00"),
        ("100.00", "INR", "₹100.00"),
        ("-1000.5", "INR", "-₹1,000.50"),
        ("99999.00", "INR", "₹99,999.00"),
        ("123456789012.000001", "INR", "₹1,23,45,67,89,012.000001"),
        ("1234567.80", "USD", "USD 1,234,567.80"),
        (None, "INR", "–"),
        ("unknown", "INR", "unknown"),
    ],
)
def test_money_is_shown_exactly(amount, currency, shown):
    assert money(amount, currency) == shown


def test_a_table_is_aligned():
    assert table(("Name", "Cost"), [("a", "1.00"), ("bcdef", None)], ("Cost",)) == [
        "Name   Cost", "a      1.00", "bcdef     –"
    ]  # fmt: skip

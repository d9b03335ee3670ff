"""Rate cards at the command line: what is read from a file, and what is refused in words."""

import json
from pathlib import Path

import pytest

from tests.http.ledger_commands import done, refused, run

CARD = {
    "market": "India", "iso": "IN", "calling_codes": ["91"], "currency": "INR", "as_of": "2026-11-23",
    "rates": [
        {"category": "marketing", "pricing_category": ["marketing", "marketing_lite"], "rate": "0.8631",
         "from": "2026-01-01", "to": None, "verified": True},
        {"category": "utility", "rate": "0.1150", "from": "2026-10-01", "tier_from": 1},
    ],
}  # fmt: skip

IMPORTED = {
    "market": "IN", "currency": "INR", "added": 2, "replaced": 0, "closed": 1, "unchanged": 0, "priced": 7
}  # fmt: skip

HEADER = "market,iso,calling_codes,currency,category,rate,from,to,verified,source,note,tier_from,tier_to\n"


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("name", ["card.json", "card"])
def test_a_card_of_json_goes_to_the_database_as_it_is(gateway, name, mark):
    gateway.answer("import_rates", IMPORTED)
    Path(name).write_text(mark + json.dumps(CARD, ensure_ascii=False), encoding="utf-8")

    printed = done("rates", "import", name)

    assert gateway.asked == [("import_rates", {"card": CARD})]
    assert printed == IMPORTED


def test_people_read_what_an_import_did(gateway):
    gateway.answer("import_rates", IMPORTED)
    Path("card.json").write_text(json.dumps(CARD), encoding="utf-8")

    shown = run("rates", "import", "card.json").stdout

    assert shown == "IN in INR: 2 added, 0 replaced, 1 closed, 0 unchanged; messages priced now: 7\n"


def test_a_rate_that_is_a_whole_number_stays_one_for_the_database_to_refuse(gateway):
    gateway.refuse("import_rates", 'rates[0].rate: is a number: write it as text, "1"', "rate_is_a_number")
    Path("card.json").write_text('{"market": "India", "rates": [{"rate": 1}]}', encoding="utf-8")

    error = refused("rates", "import", "card.json")

    assert gateway.asked == [("import_rates", {"card": {"market": "India", "rates": [{"rate": 1}]}})]
    assert error == {
        "message": 'rates[0].rate: is a number: write it as text, "1"', "detail": "rate_is_a_number"
    }  # fmt: skip


@pytest.mark.parametrize("number", ["0.1150", "1e-1", "0.10000000000000000001", "1E400"])
def test_a_rate_that_is_a_number_is_refused_with_its_place_and_every_digit(gateway, number):
    Path("card.json").write_text(f'{{"rates": [{{"rate": "0.1"}}, {{"rate": {number}}}]}}', encoding="utf-8")

    error = refused("rates", "import", "card.json")

    assert error == {
        "message": f'rates[1].rate: is a number: write it as text, "{number}"', "detail": "rate_is_a_number"
    }  # fmt: skip
    assert gateway.asked == []


FILES = [
    pytest.param("none.json", None, "does not exist", "file_not_found", id="missing"),
    pytest.param(".", None, "cannot be read", "file_unreadable", id="folder"),
    pytest.param("a.json", b"\xff\xfe{\0}\0", "is not UTF-8", "file_not_utf8", id="UTF-16"),
    pytest.param("a.csv", b"market\xa0", "is not UTF-8 (byte 7)", "file_not_utf8", id="CSV not UTF-8"),
    pytest.param("a.csv", b"mar\0ket", "NUL", "file_not_utf8", id="NUL"),
    pytest.param("a.json", b"", "is not JSON (line 1, column 1", "file_not_json", id="empty"),
    pytest.param("a.json", b'{"rates":\n [,]}', "JSON (line 2, column 3", "file_not_json", id="broken"),
    pytest.param("a.json", b'{"rate": "1", "rate": "2"}', '"rate" stands twice', "file_not_json", id="twice"),
    pytest.param("a.json", b'{"rate": Infinity}', "Infinity", "file_not_json", id="infinity"),
    pytest.param("a.json", b"[" * 100_000, "nested too deeply", "file_not_json", id="deep"),
    pytest.param("a.json", b"1" * 5000, "is not JSON", "file_not_json", id="too many digits"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words", "detail"), FILES)
def test_a_file_that_is_none_is_refused_in_one_sentence(gateway, name, content, words, detail):
    if content is not None:
        Path(name).write_bytes(content)

    error = refused("rates", "import", name)

    assert words in error["message"]
    assert error["detail"] == detail
    assert gateway.asked == []


def test_markets_of_a_csv_are_imported_one_call_each_with_the_text_of_their_cells(gateway):
    more = {"market": "AE", "currency": "USD"}
    gateway.answer("import_rates", IMPORTED, IMPORTED | more)
    Path("cards.CSV").write_text(
        "\ufeff" + HEADER
        + 'India,IN,91,INR,marketing,0.8631,2026-01-01,,TRUE,"Meta, 1 October",with a max price: less,,\r\n'
        + "United Arab Emirates,AE,+971; 972,USD,utility,0.0157,2026-10-01,2026-12-31,,,,1,25000\r\n"
        + ",,,,,,,,,,,,\r\n"
        + "\r\n"
        + "india,,,INR,utility,0.1150,2026-10-01,,false,,,,\r\n",
        encoding="utf-8", newline="",
    )  # fmt: skip

    printed = done("rates", "import", "cards.CSV")

    india = {
        "market": "India", "currency": "INR", "iso": ["IN"], "calling_codes": ["91"],
        "rates": [
            {"category": "marketing", "rate": "0.8631", "from": "2026-01-01", "verified": True,
             "source": "Meta, 1 October", "note": "with a max price: less"},
            {"category": "utility", "rate": "0.1150", "from": "2026-10-01", "verified": False},
        ],
    }  # fmt: skip
    emirates = {
        "market": "United Arab Emirates", "currency": "USD", "iso": ["AE"], "calling_codes": ["+971", "972"],
        "rates": [
            {"category": "utility", "rate": "0.0157", "from": "2026-10-01", "to": "2026-12-31",
             "verified": False, "tier_from": "1", "tier_to": "25000"},
        ],
    }  # fmt: skip
    assert gateway.asked == [("import_rates", {"card": india}), ("import_rates", {"card": emirates})]
    assert printed == {"cards": [IMPORTED, IMPORTED | more]}


def test_two_currencies_of_a_market_are_two_cards_that_share_its_codes(gateway):
    gateway.answer("import_rates", IMPORTED)
    Path("card.csv").write_text(
        "market,iso,calling_codes,currency,category,rate,from\n"
        "India,,,INR,utility,0.1150,2026-10-01\n"
        "India,IN,91,USD,utility,0.0014,2026-10-01\n",
        encoding="utf-8",
    )

    done("rates", "import", "card.csv")

    cards = [given["card"] for _, given in gateway.asked]
    assert [(card["currency"], card["iso"], card["calling_codes"]) for card in cards] == [
        ("INR", ["IN"], ["91"]), ("USD", ["IN"], ["91"])
    ]  # fmt: skip


def test_one_market_of_a_csv_prints_one_card_and_no_codes_when_it_names_none(gateway):
    gateway.answer("import_rates", IMPORTED)
    Path("card.csv").write_text(
        "Rate, From ,market,currency,category\n0.1150,2026-10-01,India,INR,utility\n", encoding="utf-8"
    )

    printed = done("rates", "import", "card.csv")

    rate = {"category": "utility", "rate": "0.1150", "from": "2026-10-01", "verified": False}
    assert gateway.asked == [
        ("import_rates", {"card": {"market": "India", "currency": "INR", "rates": [rate]}})
    ]
    assert printed == IMPORTED


GOOD = "India,IN,91,INR,utility,0.1150,2026-10-01,,true,,,,\n"

LINES = [
    pytest.param("", "Line 1 (the header) lacks the column 'market'", id="empty"),
    pytest.param(HEADER, "Line 1 is the last", id="header alone"),
    pytest.param("market,rate\n", "Line 1 (the header) lacks the column 'currency'", id="column missing"),
    pytest.param("market,verifed\n", "Line 1 (the header) names 'verifed'", id="column misspelt"),
    pytest.param("market;rate\n", "with commas", id="semicolons"),
    pytest.param("market,market\n", "names 'market' twice", id="column twice"),
    pytest.param(HEADER + GOOD + "India,IN\n", "Line 3 has 2 columns, the header has 13", id="too short"),
    pytest.param(HEADER + GOOD + '"In"dia",\n', "Line 3 is not CSV", id="quotes"),
    pytest.param(
        HEADER + GOOD.replace(",,,,", ',,"two\nlines",,') + GOOD.replace("INR", "Rs"),
        "Line 4 has the currency 'Rs'", id="a cell of two lines above",
    ),
    pytest.param(HEADER + GOOD.replace("India", ""), "Line 2 has no market", id="no market"),
    pytest.param(HEADER + GOOD.replace("0.1150", ""), "Line 2 has no rate", id="no rate"),
    pytest.param(HEADER + GOOD.replace("0.1150", "₹0.1150"), "Line 2 has the rate '₹0.1150'", id="sign"),
    pytest.param(HEADER + GOOD.replace("0.1150", "1.15e-1"), "Line 2 has the rate '1.15e-1'", id="exponent"),
    pytest.param(HEADER + GOOD.replace("0.1150", "0.1234567"), "Line 2 has the rate", id="seven decimals"),
    pytest.param(HEADER + GOOD.replace("2026-10-01", "1/10/26"), "Line 2 has the day '1/10/26'", id="day"),
    pytest.param(HEADER + GOOD.replace("2026-10-01", "2026-02-30"), "Line 2 has the day '2026", id="30 Feb"),
    pytest.param(HEADER + GOOD.replace("true", "perhaps"), "Line 2 has 'perhaps' as verified", id="verified"),
    pytest.param(HEADER + GOOD.replace(",IN,", ",Ind,"), "Line 2 has the iso 'Ind'", id="iso"),
    pytest.param(HEADER + GOOD.replace(",91,", ",0091,"), "Line 2 has the calling_codes '0091'", id="code"),
    pytest.param(HEADER + GOOD + GOOD.replace(",IN,", ",ID,"), "Line 3 has another iso", id="two isos"),
    pytest.param(HEADER + GOOD.replace(",,\n", ",0,\n"), "Line 2 has the tier_from '0'", id="tier"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), LINES)
def test_a_wrong_line_is_named_and_no_market_is_imported(gateway, content, words):
    Path("card.csv").write_text(content, encoding="utf-8", newline="")

    error = refused("rates", "import", "card.csv")

    assert words in error["message"]
    assert error["message"].endswith("Nothing was imported.")
    assert error["detail"] == "line_invalid"
    assert gateway.asked == []


def test_a_refusal_of_the_database_names_the_line_and_what_was_imported_before(gateway):
    words = "rates[1].from: utility: overlaps another rate of the file"
    gateway.refuse("import_rates", words, "rates_overlap", IMPORTED)
    emirates = GOOD.replace("India,IN,91", "Emirates,AE,971")
    Path("cards.csv").write_text(HEADER + GOOD + emirates + "\n" + emirates, encoding="utf-8")

    error = refused("rates", "import", "cards.csv")

    assert error == {
        "message": f"Line 5: {words}. Imported already: India in INR.", "detail": "rates_overlap"
    }  # fmt: skip


def test_a_refusal_without_a_place_names_the_market_when_there_are_several(gateway):
    words = "utility: no rate from 2026-01-01 to 2026-09-30"
    gateway.refuse("import_rates", words, "rates_have_a_gap")
    Path("one.csv").write_text(HEADER + GOOD, encoding="utf-8")
    Path("two.csv").write_text(
        HEADER + GOOD + GOOD.replace("India,IN,91", "Emirates,AE,971"), encoding="utf-8"
    )

    assert refused("rates", "import", "one.csv")["message"] == words
    assert refused("rates", "import", "two.csv")["message"] == f"India in INR: {words}"

"""/deletions/<id>: what became of an organization, for people without a session, script or English."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.rights.words import KEPT, WORDS

ID = "5b0d6b1e-1f3c-4c3f-9a52-6b7a2f10aa01"
PAGE = {"Accept": "text/html"}
ASKED = {"requested_at": "2026-11-01T20:30:00+00:00", "purge_at": "2026-11-28T20:30:00+00:00"}
CERTIFICATE = {
    "deletion_id": ID,
    "requested_at": ASKED["requested_at"],
    "started_at": "2026-11-28T20:31:00+00:00",
    "finished_at": "2026-11-28T20:34:12+00:00",
    "removed": {"public.tags": 0, "public.leads": 1234567, "public.<b>": 1, "files in media": 2140},
    "anonymized": {"public.usage_ledger": 120345},
    "kept": {"public.usage_ledger": "Books: what was charged", "public.tomorrow": "A reason of tomorrow"},
    "sha256": "9f" * 32,
}
PURGED = ASKED | {"status": "purged", "certificate": CERTIFICATE}


def shown(found: dict[str, Any] | None, address: str = f"/deletions/{ID}", **headers: str) -> Any:
    app = create_app(settings(flow_workers="api"), database=RecordingDatabase(deletion_certificate=found))
    client = app.test_client(use_cookies=False)
    return client.get(address, headers=PAGE | {key.replace("_", "-"): text for key, text in headers.items()})


def test_a_certificate_tells_what_went_what_stays_and_why() -> None:
    page = shown(PURGED)

    assert "12,34,568</strong> rows" in page.text
    assert "2</strong> tables" in page.text, "one held nothing"
    assert "2,140</strong> files" in page.text
    assert '<td><code>public.leads</code></td><td class="number">12,34,567</td>' in page.text
    assert "Books: what was charged" in page.text
    assert "names taken out of 1,20,345 rows" in page.text
    assert "29-11-2026 02:04 IST" in page.text
    assert CERTIFICATE["sha256"] in page.text
    assert "<b>" not in page.text
    assert "files in media" not in page.text


def test_it_needs_no_script_and_loads_flows_own_style_alone() -> None:
    page = shown(PURGED)

    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "/pages/static/public_page.css" in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text


@pytest.mark.parametrize(
    ("address", "headers", "language"),
    [
        ("", {}, "en"),
        ("", {"Accept_Language": "hi-IN,hi;q=0.9,en;q=0.5"}, "hi"),
        ("", {"Accept_Language": "ta"}, "en"),
        ("", {"Cookie": "lang=hi", "Accept_Language": "en"}, "hi"),
        ("", {"Cookie": "lang=xx", "Accept_Language": "hi"}, "hi"),
        ("?lang=en", {"Cookie": "lang=hi", "Accept_Language": "hi"}, "en"),
    ],
)
def test_it_speaks_the_language_of_who_looks(address: str, headers: dict[str, str], language: str) -> None:
    page = shown(PURGED, f"/deletions/{ID}{address}", **headers)

    assert f'<html lang="{language}">' in page.text
    assert WORDS[language]["purged_text"] in page.text
    assert {"Cookie", "Accept-Language", "Accept"} <= {*page.vary.as_set(preserve_casing=True)}


def test_in_hindi_the_reasons_are_hindi_and_one_that_is_new_is_marked_as_english() -> None:
    page = shown(PURGED, Cookie="lang=hi")

    assert KEPT["hi"]["public.usage_ledger"] in page.text
    assert "Books: what was charged" not in page.text
    assert '<span lang="en">A reason of tomorrow</span>' in page.text


@pytest.mark.parametrize("status", ["scheduled", "purging", "cancelled"])
@pytest.mark.parametrize("language", WORDS)
def test_before_it_is_done_it_tells_how_it_stands(status: str, language: str) -> None:
    page = shown(ASKED | {"status": status, "certificate": None}, Cookie=f"lang={language}")

    assert WORDS[language][f"{status}_text"].format(day="29-11-2026") in page.text
    assert "SHA-256" not in page.text


def test_what_is_unknown_leads_nowhere_for_people_and_for_programs() -> None:
    page, answer = shown(None), shown(None, Accept="application/json")

    assert (page.status_code, WORDS["en"]["nothing_text"] in page.text) == (404, True)
    assert (answer.status_code, answer.json["detail"]) == (404, "deletion_not_found")


def test_programs_get_the_certificate_as_it_is() -> None:
    assert shown(PURGED, Accept="application/json").json == PURGED


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["hi"].keys()

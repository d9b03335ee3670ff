"""P01, P21: what Google tells about a person, what of it is kept, and what Google is never asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.database import Database, Person
from tests.http.direct import DirectDatabase
from tests.http.recording import settings
from workers.clients import named_hosts
from workers.local.stack import private_key
from workers.sheets import polling

STATIC = Path(__file__).parents[2] / "workers" / "dashboard" / "static"
# What Supabase Auth writes down of somebody who came with Google.
GOOGLE = {
    "iss": "https://accounts.google.com",
    "sub": "104417000000000000011",
    "name": "Asha Rao",
    "full_name": "Asha Rao",
    "email": "asha@example.com",
    "picture": "https://lh3.googleusercontent.com/a/asha",
    "avatar_url": "https://lh3.googleusercontent.com/a/asha",
    "email_verified": True,
    "phone_verified": False,
}


def test_P01_google_gives_name_email_and_avatar_and_the_organization_is_kept_with_the_tenant(
    db: Database,
) -> None:
    asha = Person(uuid4(), "asha@example.com")
    db.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
        [asha.id, asha.email, json.dumps(GOOGLE)],
    )

    db.as_person(asha)
    org_id = db.value("select (public.create_organization('Rao Traders')) ->> 'org_id'")
    kept = db.value("select to_jsonb(p) from public.profiles p where p.id = %s", asha.id)
    organizations = db.rows("select id::text, name from public.organizations")

    told = {key: text for key, text in kept.items() if key not in ("id", "created_at", "updated_at")}
    assert told == {
        "name": "Asha Rao",
        "email": "asha@example.com",
        "avatar_url": "https://lh3.googleusercontent.com/a/asha",
    }
    assert organizations == [(org_id, "Rao Traders")]


def test_P21_signing_in_asks_google_for_the_profile_only() -> None:
    code = {path: path.read_text() for path in STATIC.rglob("*.js") if "vendor" not in path.parts}
    asked = [(path.name, call) for path, text in code.items() for call in SIGN_IN.findall(text)]

    # Without scopes of its own Supabase Auth asks for `email profile`, and for no offline access.
    assert len(asked) == 1
    assert not [call for _, call in asked if re.search(r"scopes|queryParams|access_type", call)]
    assert not [path.name for path, text in code.items() if "provider_token" in text or "googleapis" in text]


SIGN_IN = re.compile(r"signInWithOAuth\((?:[^()]|\([^()]*\))*\)")


@pytest.fixture
def google() -> Iterator[tuple[httpx.Client, list[str]]]:
    """The way to Google, on which every request is written down and refused."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(404, json={"error": {"code": 404, "message": "no"}})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        yield http, asked


def test_P21_a_sheet_is_asked_for_only_once_a_person_connected_it(
    db: Database, org: Callable[..., object], google: tuple[httpx.Client, list[str]]
) -> None:
    http, asked = google
    configured = settings(
        GOOGLE_SERVICE_ACCOUNT_EMAIL="flow@example.iam.gserviceaccount.com",
        GOOGLE_SERVICE_ACCOUNT_KEY=private_key(),
    )
    org_id = org()

    polling.run(DirectDatabase(db), http, configured)
    before = list(asked)
    tab = json.dumps({"spreadsheet_id": "s" * 44, "gid": 1, "title": "Enquiries", "tab": "2026"})
    db.execute("select worker.connect_sheet(%s, %s)", [org_id, tab])
    polling.run(DirectDatabase(db), http, configured)

    assert before == []
    assert asked
    assert set(asked) <= {"oauth2.googleapis.com", "sheets.googleapis.com", "www.googleapis.com"}
    assert set(asked) <= named_hosts(configured)

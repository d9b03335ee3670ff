"""Google Sheets from their link to the leads of their rows, against the sandbox's Google."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import RunningStack
from tests.database import Database
from tests.e2e.commands import Commands, eventually
from workers import database as gateway
from workers.cli.org import People
from workers.settings import Settings

Json = dict[str, Any]
PASSWORD = "correct horse battery"
HEADER = ["Name", "Mobile", "Product", "City"]


class Business:
    """An organization whose owner keeps leads in a sheet."""

    def __init__(self, stack: RunningStack, db: Database) -> None:
        settings = Settings(_env_file=stack.data / "settings.env")  # type: ignore[call-arg]
        self.stack, self.db, self.workers = stack, db, gateway.Database(settings)
        self.owner = f"{uuid4().hex[:12]}@example.test"
        people = People(settings)
        self.id = str(
            people.create_organization("Kaveri Valves", people.ensure(self.owner, PASSWORD))["org_id"]
        )
        self.http = httpx.Client(timeout=60, trust_env=False)
        self.google = httpx.Client(
            base_url=f"{stack.sandbox_url}/_sandbox/google", timeout=20, trust_env=False
        )
        headers = {"apikey": stack.publishable_key}
        reply = self.http.post(
            f"{stack.api_url}/auth/v1/token?grant_type=password",
            json={"email": self.owner, "password": PASSWORD}, headers=headers,
        )  # fmt: skip
        self.headers = headers | {
            "Authorization": f"Bearer {reply.raise_for_status().json()['access_token']}"
        }
        self.file = uuid4().hex + "_sheet"

    def put(self, *rows: list[Any], **more: Any) -> None:
        """Put rows under the header into the sheet at Google."""
        tab = {"gid": 77, "title": "Enquiries '26", "rows": [more.pop("header", HEADER), *rows]}
        given = {"id": self.file, "owner": self.owner, "tabs": [tab], **more}
        self.google.post("/sheets", json=given).raise_for_status()

    @property
    def link(self) -> str:
        """The link as the browser shows it."""
        return f"https://docs.google.com/spreadsheets/d/{self.file}/edit?gid=77#gid=77"

    def connect(self, link: str | None = None) -> httpx.Response:
        """Connect the sheet as the dashboard does."""
        body = {"org_id": self.id, "link": link or self.link}
        return self.http.post(f"{self.stack.workers_url}/api/sheets/connect", json=body, headers=self.headers)

    def rpc(self, name: str, **given: object) -> httpx.Response:
        """A function of the database, as the owner."""
        url = f"{self.stack.api_url}/rest/v1/rpc/{name}"
        return self.http.post(url, json={"org_id": self.id, **given}, headers=self.headers)

    def sheet(self) -> Json:
        """How the sheet stands."""
        (found,) = self.rpc("sheets").raise_for_status().json()
        return found

    def waits_for(self, **wanted: object) -> Json:
        """Wait until the sheet stands like this."""

        def reached() -> Json | None:
            now = self.sheet()
            return now if all(now[key] == value for key, value in wanted.items()) else None

        return eventually(reached)

    def is_stored(self, **counts: int) -> Json:
        """Wait until the last import is done, with these counts."""

        def done() -> Json | None:
            last = self.sheet()["import"]
            return last if last and last["status"] == "done" else None

        found = eventually(done)
        assert {key: found[f"rows_{key}"] for key in counts} == counts
        return found

    def match_columns(self) -> None:
        """Confirm what was suggested, as a person does once."""
        waiting = eventually(
            lambda: (self.sheet()["import"] or {}).get("status") == "read" and self.sheet()["import"]
        )
        found = self.rpc("import_status", import_id=waiting["import_id"]).json()
        columns = {str(n): c["field"] for n, c in enumerate(found["reading"]["columns"]) if c["field"]}
        self.rpc(
            "confirm_import", import_id=waiting["import_id"], mapping={"columns": columns}
        ).raise_for_status()

    def look(self) -> None:
        """Let the next reading be due now, and let it happen."""
        self.db.execute(
            "update public.lead_sources set next_allowed_at = null,"
            " last_called_at = now() - interval '2 minutes' where org_id = %s and kind = 'sheet'",
            [self.id],
        )
        self.db.execute("select private.wake('sheets', interval '0')")

    def leads(self) -> list[tuple[str, str | None, str | None]]:
        """Phone, product and city of its leads."""
        return self.db.rows(
            "select l.phone, l.product, c.city from public.leads l"
            " join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)"
            " where l.org_id = %s order by l.phone",
            self.id,
        )

    def calls(self) -> int:
        """How often Google was asked about the file."""
        return int(self.google.get("/calls").json().get(self.file, 0))


@pytest.fixture
def business(stack: RunningStack, database: Database) -> Iterator[Business]:
    made = Business(stack, database)
    yield made
    database.execute(
        "update public.lead_sources set is_active = false, disconnected_at = now() where org_id = %s",
        [made.id],
    )
    made.http.close()
    made.google.close()


@pytest.fixture
def connected(business: Business) -> Business:
    """A business whose sheet of two people is stored."""
    business.put(["Ravi", 9810000011.0, "Pump", "Rajkot"], ["Meena", "98100 00012", "Valve", ""])
    assert business.connect().status_code == 200
    business.match_columns()
    business.is_stored(new=2, error=0)
    return business


def test_a_sheet_is_connected_matched_once_and_its_rows_are_leads(connected):
    assert connected.leads() == [("+919810000011", "Pump", "Rajkot"), ("+919810000012", "Valve", None)]
    sheet = connected.waits_for(state="ok")
    assert sheet["mapping"]["columns"] == {
        "name": "Name",
        "phone": "Mobile",
        "product": "Product",
        "city": "City",
    }


def test_what_changes_in_the_sheet_changes_what_nobody_has_touched(connected):
    connected.db.execute(
        "update public.contacts set city = 'Pune' where org_id = %s and phone = '+919810000011'",
        [connected.id],
    )
    # Sorted anew, a column moved, one row gone, one new, an edit in each of the others.
    connected.put(
        ["Surat", "Asha", "9810000013", "Tank"], ["Surat", "Ravi Patel", "9810000011", "Pump"],
        header=["City", "Name", "Mobile", "Product"],
    )  # fmt: skip

    connected.look()
    eventually(lambda: len(connected.leads()) == 3)
    connected.is_stored(new=1, updated=1, error=0)

    assert connected.leads() == [
        ("+919810000011", "Pump", "Pune"),
        ("+919810000012", "Valve", None),
        ("+919810000013", "Tank", "Surat"),
    ]
    renamed = "select name from public.contacts where org_id = %s and phone = '+919810000011'"
    assert connected.db.value(renamed, connected.id) == "Ravi Patel"


def test_nothing_is_read_while_the_version_stands(connected):
    before = connected.calls()

    connected.look()
    eventually(lambda: connected.calls() > before)
    eventually(lambda: not connected.sheet()["is_running"])

    assert connected.calls() == before + 1
    assert connected.waits_for(state="ok")["import"]["rows_new"] == 2


def test_a_renamed_header_is_told_and_loses_nothing(connected):
    connected.put(["Asha", "9810000013", "Tank"], header=["Name", "Phone no", "Product"])

    connected.look()

    sheet = connected.waits_for(state="header_changed")
    assert "Mobile" in sheet["words"]
    assert "City" in sheet["words"]
    assert len(connected.leads()) == 2
    assert connected.rpc("forget_sheet_mapping", sheet_id=sheet["source_id"]).status_code == 200
    connected.match_columns()
    connected.is_stored(new=1)


def test_rows_that_cannot_be_leads_are_named_and_hold_up_nobody(business):
    business.put(["Ravi", "9810000011", "Pump"], ["Nobody", "", "Pump"], ["Meena", "12", "=cmd|'/c calc'!A1"])
    business.connect()
    business.match_columns()

    done = business.is_stored(new=1, error=2)

    rows = business.rpc("import_errors", import_id=done["import_id"]).json()["rows"]
    assert [row["row"] for row in rows] == [3, 4]


def test_a_sheet_that_is_no_longer_shared_is_told_once_and_left_alone(connected):
    connected.google.post("/sheets", json={"id": connected.file, "is_shared": False})
    connected.look()
    sheet = connected.waits_for(state="access_lost")
    assert "share it" in sheet["words"]
    before = connected.calls()

    connected.look()
    connected.db.execute("select worker.claim_sheets()")

    assert connected.calls() == before


def test_google_asking_for_patience_makes_every_sheet_wait(connected):
    connected.put(["Asha", "9810000013", "Tank", ""])
    connected.google.post("/faults", json={"status": 403, "reason": "rateLimitExceeded"})

    connected.look()

    sheet = connected.waits_for(state="rate_limited")
    assert sheet["next_allowed_at"] is not None
    assert connected.rpc("sync_sheet", sheet_id=sheet["source_id"]).json()["details"] == "sync_too_soon"
    connected.look()
    eventually(lambda: len(connected.leads()) == 3)


def test_a_sheet_of_somebody_else_is_refused(business, stack, database):
    business.put(["Ravi", "9810000011", "Pump", ""], owner="somebody@else.test")

    reply = business.connect()

    assert (reply.status_code, reply.json()["detail"]) == (409, "sheet_not_yours")
    business.put(
        ["Ravi", "9810000011", "Pump", ""], owner="somebody@else.test", sharing_user=business.owner.upper()
    )
    assert business.connect().status_code == 200
    other = Business(stack, database)
    other.file = business.file
    other.google.post("/sheets", json={"id": other.file, "owner": other.owner})
    assert other.connect().json()["detail"] == "sheet_taken"


def test_what_is_not_shared_with_flow_says_with_whom_to_share_it(business):
    business.put(is_shared=False)

    reply = business.connect()

    assert reply.json()["detail"] == "sheet_not_shared"
    assert "flow@sandbox.iam.gserviceaccount.com" in reply.json()["message"]


def test_a_disconnected_sheet_is_never_asked_for_again(connected):
    sheet = connected.sheet()
    assert connected.rpc("disconnect_source", source_id=sheet["source_id"]).status_code == 200
    before = connected.calls()
    connected.put(["Asha", "9810000013", "Tank", ""])

    connected.look()
    assert connected.db.value("select worker.claim_sheets() -> 'sheets'") == []

    assert connected.rpc("sync_sheet", sheet_id=sheet["source_id"]).status_code == 404
    assert connected.calls() == before
    assert len(connected.leads()) == 2


def test_the_command_connects_reads_and_lists(business, flow: Commands):
    business.put(["Ravi", "9810000011", "Pump", ""])

    made = flow.done("sheet", "connect", business.link, "--org", business.id)

    assert made["tab"] == "Enquiries '26"
    business.match_columns()
    business.is_stored(new=1)
    refused = flow.refused("sheet", "sync", "--org", business.id)
    assert (refused["detail"], "retry_at" in refused) == ("sync_too_soon", True)
    assert flow.done("sheet", "list", "--org", business.id)["sheets"][0]["state"] == "ok"
    flow.done("sheet", "disconnect", made["source_id"], "--org", business.id)

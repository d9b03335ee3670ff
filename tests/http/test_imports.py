"""Files of leads from the upload to the last row: the API, the job, its child, Storage, the real database."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from tests.business import fresh_org
from tests.database import LIMITS, Database, Person
from tests.http.direct import DirectDatabase
from tests.http.media_world import _Quiet
from tests.http.recording import settings
from workers import create_app
from workers.cli import flow
from workers.cli import imports as command
from workers.clients import outbound_client
from workers.database import Person as Asking
from workers.errors import Refused, Unavailable
from workers.local.storage.app import Storage
from workers.sheets import job
from workers.storage import Bucket

MAPPING = {"columns": {"0": "name", "1": "phone", "2": "city"}}
SMALL = (
    "Name,Mobile,City\nAsha,9800012345,Pune\n\nRavi,12,Agra\n"
    "=1+1,+91 98000 12346,=cmd|' /C calc'!A0\nAsha,98000 12345,Pune\n"
)


class Everything(DirectDatabase):
    """The real functions, each call a transaction of its own; people are known by their token."""

    def __init__(self, connection: Database) -> None:
        super().__init__(connection)
        self.people: dict[str, Person] = {}
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function, and let a test break in before or after it."""
        self.before(name)
        answer = super().rpc(name, **args)
        self.after(name)
        return answer

    def as_person(self, jwt: str) -> Asking:
        """The functions of somebody with this token."""
        if jwt not in self.people:
            raise Refused(401, "Sign in first.", "not_signed_in")
        return self.person(self.people[jwt])


class World:
    """An organization, its owner before the API, and the workers."""

    def __init__(self, db: Database, storage_url: str) -> None:
        self.db, self.database = db, Everything(db)
        self.settings = settings(SUPABASE_URL=storage_url, FLOW_WORKERS="api,jobs")
        self.http = outbound_client(self.settings)
        self.bucket = Bucket(self.http, self.settings, job.BUCKET)
        app = create_app(self.settings, database=self.database, http=self.http)
        self.client: FlaskClient = app.test_client()
        self.org_id = self.another()

    def another(self) -> UUID:
        """Another organization; its owner's token is its id."""
        with self.db.transaction():
            org_id = fresh_org(self.db)
        owner = self.db.value("select user_id from public.memberships where org_id = %s", org_id)
        self.database.people[str(org_id)] = Person(owner, "")
        return org_id

    def post(self, action: str, org_id: UUID | None = None, token: str | None = None, **body: Any) -> Any:
        """Ask the API as somebody."""
        org_id = org_id or self.org_id
        return self.client.post(
            f"/api/imports{action}", json={"org_id": str(org_id), **body},
            headers={"Authorization": f"Bearer {token or org_id}"},
        )  # fmt: skip

    def upload(
        self, content: bytes | str, org_id: UUID | None = None, token: str | None = None, **form: str
    ) -> Any:
        """Upload a file through the API."""
        org_id = org_id or self.org_id
        raw = content.encode() if isinstance(content, str) else content
        return self.client.post(
            "/api/imports", data={"org_id": str(org_id), "file": (io.BytesIO(raw), "../leads.csv"), **form},
            headers={"Authorization": f"Bearer {token or org_id}"},
        )  # fmt: skip

    def read(self, content: bytes | str, org_id: UUID | None = None, **form: str) -> str:
        """Upload a file and let the job read it."""
        answer = self.upload(content, org_id, **form)
        assert answer.status_code == 201, answer.json
        self.run()
        return str(answer.json["import_id"])

    def start(self, one: str, org_id: UUID | None = None, **how: Any) -> None:
        answer = self.post("/start", org_id, import_id=one, **{"mapping": MAPPING, **how})
        assert answer.status_code == 200, answer.json

    def run(self) -> dict[str, Any]:
        """Run the job once."""
        return job.run(self.database, self.http, self.settings)

    def status(self, one: str, org_id: UUID | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.post("/status", org_id, import_id=one).json
        return found

    def leads(self, org_id: UUID | None = None) -> int:
        found: int = self.db.value(
            "select count(*) from public.leads where org_id = %s", org_id or self.org_id
        )
        return found

    def expire(self) -> None:
        """Let the lease of whoever died run out."""
        self.db.execute("update public.lead_imports set next_at = now() where lease is not null")


def counts(found: dict[str, Any]) -> tuple[int, ...]:
    return tuple(found[f"rows_{name}"] for name in ("new", "known", "updated", "blank", "error"))


@pytest.fixture(scope="module")
def storage(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = {"sb_secret_test": "service_role", "sb_publishable_test": "anon"}
    app = Storage(dsn, tmp_path_factory.mktemp("bucket"), "secret", keys, 100 << 20)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    app.rows.pool.close()


@pytest.fixture
def world(dsn: str, storage: str) -> Iterator[World]:
    with Database.connect(dsn, options=LIMITS, autocommit=True) as db:
        made = World(db, storage)
        yield made
        db.execute(
            "update public.lead_imports set status = 'cancelled', next_at = null, lease = null,"
            " finished_at = now() where finished_at is null"
        )
        db.execute("update public.lead_imports set file_removed_at = now() where file_removed_at is null")
        made.http.close()


def test_from_the_upload_to_the_errors_as_a_file(world: World) -> None:
    one = world.read(SMALL)
    shown = world.status(one)
    world.start(one)
    world.run()

    done = world.status(one)
    errors = world.post("/errors", import_id=one)

    assert (shown["status"], shown["filename"], shown["reading"]["rows"]) == ("read", "leads.csv", 5)
    assert [column["field"] for column in shown["reading"]["columns"]] == ["name", "phone", "city"]
    assert shown["reading"]["preview"][0] == ["Asha", "9800012345", "Pune"]
    assert (done["status"], counts(done)) == ("done", (2, 1, 0, 1, 1))
    assert (errors.status_code, errors.content_type) == (200, "text/csv; charset=utf-8")
    assert "attachment" in errors.headers["Content-Disposition"]
    assert list(csv.reader(io.StringIO(errors.text.removeprefix("\ufeff")))) == [
        ["row", "column", "code", "value"], ["4", "Mobile", "phone_invalid", "12"],
    ]  # fmt: skip
    stored = world.db.value(
        "select city from public.contacts where org_id = %s and phone = '+919800012346'", world.org_id
    )
    assert stored == "=cmd|' /C calc'!A0"  # text; the export guards it


def test_errors_are_no_formulas_for_whoever_opens_them(world: World) -> None:
    one = world.read("=Name,Mobile\nA,=HYPERLINK(1)\nB,@x\nC,9800012345\n")
    world.start(one, mapping={"columns": {"1": "phone"}})
    world.run()

    text = world.post("/errors", import_id=one).text

    assert "'=HYPERLINK(1)" in text
    assert "'@x" in text


def test_a_dry_run_stores_nothing_and_the_file_is_gone_in_the_end(world: World) -> None:
    one = world.read(SMALL)
    world.start(one, is_check=True)
    world.run()
    checked = world.status(one)
    world.start(one)
    counted = world.run()

    assert [checked["checked"][k] for k in ("new", "known", "error", "greetable")] == [2, 1, 1, 2]
    assert (checked["status"], world.leads()) == ("read", 2)
    assert counted["removed"] == 1
    with pytest.raises(Exception, match="Storage refused"):
        world.bucket.get(f"{world.org_id}/{one}", io.BytesIO())


def hostile(rows: int) -> tuple[str, tuple[int, ...]]:
    """A list with one row in ten a double, and hostile cells; and how its rows must end."""
    lines, new, known, blank, error = ["Name,Mobile,City,Notes"], 0, 0, 0, 0
    cells = ["=1+1", "\0\0x", "पुणे", "#REF!", '"two\nlines"', "z" * 1_000_000, "+1", "', drop table leads; --"]
    for n in range(rows):
        cell = cells[n % len(cells)] if n % 97 == 0 else "plain"
        if n % 10 == 9:
            lines.append(lines[-1] if n % 20 == 9 else lines[-2])
            known += 1
        elif n % 100 == 50:
            lines.append(",,,")
            blank += 1
        elif n % 100 == 51:
            lines.append(f"No number,9.8E+09,Pune,{cell}")
            error += 1
        else:
            lines.append(f"Buyer {n},98{n:08d},{'Pune' if n % 3 else 'शहर'},{cell if n < 800 else 'plain'}")
            new += 1
    return "\n".join(lines), (new, known, 0, blank, error)


def test_3000_rows_with_doubles_and_hostile_cells_are_counted_right_twice(world: World) -> None:
    content, expected = hostile(3000)
    one = world.read(content)
    world.start(one)
    world.run()
    first = world.status(one)
    asked = world.upload(content)
    again = world.read(content, is_confirmed="true")
    world.start(again)
    world.run()

    second = world.status(again)
    assert (first["status"], counts(first)) == ("done", expected)
    assert sum(counts(first)) == first["rows_total"] == 3000
    assert world.leads() == expected[0]
    assert (asked.status_code, asked.json["detail"]) == (409, "same_file")
    assert counts(second) == (0, expected[0] + expected[1], 0, *expected[3:])
    longest = world.db.value(
        "select max(length(raw::text)) from public.leads where org_id = %s", world.org_id
    )
    assert longest < 10_000


class Killed(BaseException):
    """As kill -9: nothing of ours runs any more."""


def test_a_killed_worker_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_PAUSES", (0,))
    content = "Name,Mobile\n" + "".join(f"B{n},98{n:08d}\n" for n in range(4500))
    one = world.read(content)
    world.start(one, mapping={"columns": {"0": "name", "1": "phone"}})
    stored = 0

    def die(name: str) -> None:
        nonlocal stored
        stored += name == "record_import_rows"
        if stored == 1 and name == "record_import_rows":
            raise Killed

    world.database.after = die
    with pytest.raises(Killed):
        world.run()
    halfway = world.status(one)
    world.expire()

    def lose(name: str) -> None:
        nonlocal stored
        stored += name == "record_import_rows"
        if stored == 2 and name == "record_import_rows":
            raise Unavailable  # stored, but the answer is lost

    world.database.after = lose
    world.run()

    found = world.status(one)
    assert (halfway["status"], halfway["rows_new"], halfway["next_row"]) == ("running", 2000, 2002)
    assert (found["status"], counts(found), world.leads()) == ("done", (4500, 0, 0, 0, 0), 4500)


def test_two_organizations_import_one_file_and_see_only_their_own(world: World) -> None:
    other = world.another()
    mine, theirs = world.read(SMALL), world.read(SMALL, other)
    world.start(mine)
    world.start(theirs, other)
    world.run()

    assert (world.leads(), world.leads(other)) == (2, 2)
    for action, more in (("/status", {}), ("/errors", {}), ("/cancel", {}), ("/undo", {}),
                         ("/start", {"mapping": MAPPING}),
                         ("/preview", {"choices": {}})):  # fmt: skip
        answer = world.post(action, other, import_id=mine, **more)
        assert (answer.status_code, answer.json["detail"]) == (404, "import_not_found")
        stranger = world.post(action, world.org_id, token=str(other), import_id=mine, **more)
        assert stranger.status_code == 404


def test_a_cancelled_import_stops_and_can_be_undone(world: World) -> None:
    one = world.read("Name,Mobile\n" + "".join(f"B{n},98{n:08d}\n" for n in range(2500)))
    world.start(one, mapping={"columns": {"1": "phone"}})
    world.database.after = lambda name: (
        world.post("/cancel", import_id=one) and None if name == "record_import_rows" else None
    )
    world.run()
    world.database.after = lambda name: None
    stopped = world.status(one)
    world.post("/undo", import_id=one)
    world.run()

    found = world.status(one)
    assert (stopped["status"], stopped["rows_new"]) == ("cancelled", 2000)
    assert (found["status"], found["undo"]["removed"], world.leads()) == ("undone", 2000, 0)
    assert world.db.value("select count(*) from public.contacts where org_id = %s", world.org_id) == 0


def test_a_file_that_cannot_be_read_says_so(world: World) -> None:
    one = world.read(b"<html><body>Name</body></html>")

    found = world.status(one)
    assert (found["status"], found["error_slug"]) == ("failed", "html_file")
    assert "XLSX or CSV" in found["error"]


def test_a_file_waits_while_storage_does_not_answer(world: World) -> None:
    one = str(world.upload(SMALL).json["import_id"])
    world.settings = settings(SUPABASE_URL="http://127.0.0.1:9", FLOW_WORKERS="api,jobs")
    world.run()

    assert world.status(one)["status"] == "uploaded"
    assert world.db.value(
        "select next_at > now() and lease is null from public.lead_imports where id = %s", one
    )


def test_a_file_that_is_gone_ends_its_import(world: World) -> None:
    one = str(world.upload(SMALL).json["import_id"])
    world.bucket.remove([f"{world.org_id}/{one}"])
    world.run()

    assert world.status(one)["error_slug"] == "file_gone"


def test_a_choice_reads_the_file_anew(world: World) -> None:
    one = world.read("Name,Mobile\nPeña,9800012345\n".encode("cp1252"))
    world.post("/preview", import_id=one, choices={"encoding": "utf-8", "header_row": 0})
    world.run()

    found = world.status(one)["reading"]
    assert (found["encoding"], found["header_row"], found["rows"]) == ("utf-8", 0, 2)


def test_who_may_not_import_is_refused_before_anything_is_kept(world: World) -> None:
    agent, clerk = uuid4(), "clerk"
    world.db.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
        [agent, f"{agent}@example.test"],
    )
    world.db.execute(
        "insert into public.memberships (org_id, user_id, role) values (%s, %s, 'agent')",
        [world.org_id, agent],
    )
    world.database.people[clerk] = Person(agent, "")

    answers = {
        "nobody": world.upload(SMALL, token="x.y.z").status_code,
        "an agent": world.upload(SMALL, token=clerk).status_code,
        "a stranger": world.upload(SMALL, token=str(world.another())).status_code,
        "no file": world.client.post("/api/imports", data={"org_id": str(world.org_id)},
                                     headers={"Authorization": f"Bearer {world.org_id}"}).status_code,
        "nothing in it": world.upload(b"").status_code,
        "too much": world.upload(b"x" * 21_100_000).status_code,
    }  # fmt: skip

    assert answers == {
        "nobody": 401,
        "an agent": 403,
        "a stranger": 404,
        "no file": 422,
        "nothing in it": 422,
        "too much": 413,
    }
    assert world.db.value("select count(*) from public.lead_imports where org_id = %s", world.org_id) == 0


@pytest.fixture
def cli(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`flow import`, against this world."""
    monkeypatch.setattr(command, "database", lambda: world.database)
    monkeypatch.setattr(command, "outside", lambda: world.http)
    monkeypatch.setattr(command, "settings", lambda: world.settings)

    def run(file: Path, *more: str) -> Any:
        return CliRunner().invoke(flow, ["import", str(file), "--org", str(world.org_id), "--json", *more])

    return run


def test_the_command_imports_counts_and_asks_about_the_same_file(
    world: World, cli: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text(SMALL)

    dry = cli(file, "--dry-run")
    stored_by_dry_run = world.leads()
    done, same, wrong = cli(file), cli(file), cli(file, "--mapping", "{0}")
    again = cli(file, "--again", "--greet", "--mapping", '{"1": "phone"}')

    told = json.loads(dry.stdout.splitlines()[-1])
    assert (told["dry_run"], told["new"], told["error"], stored_by_dry_run) == (True, 2, 1, 0)
    assert [
        json.loads(done.stdout.splitlines()[-1])[k] for k in ("new", "known", "updated", "blank", "error")
    ] == [2, 1, 0, 1, 1]
    assert (same.exit_code, json.loads(same.stdout.splitlines()[-1])["error"]["detail"]) == (1, "same_file")
    assert wrong.exit_code == 2
    assert json.loads(again.stdout.splitlines()[-1])["known"] == 3


def test_secrets_of_the_workers_reach_neither_child_nor_bucket(world: World) -> None:
    one = str(world.upload(SMALL).json["import_id"])

    found = httpx.get(f"{world.settings.supabase_url}/storage/v1/object/imports/{world.org_id}/{one}",
                      headers={"apikey": "sb_publishable_test"}, trust_env=False)  # fmt: skip

    assert found.status_code in (400, 401, 403, 404)

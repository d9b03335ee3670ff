"""A template's life: written in Flow, reviewed by Meta, sent, changed, and removed."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.conftest import RunningStack
from tests.database import Database
from tests.e2e.commands import Business, Commands, Json, eventually


class Admin:
    """Somebody at the dashboard."""

    def __init__(self, stack: RunningStack, database: Database, org: str, role: str) -> None:
        account = {"email": f"{role}.{uuid4().hex[:12]}@example.test", "password": "correct horse battery"}
        keys = {"apikey": stack.publishable_key}
        made = httpx.post(f"{stack.api_url}/auth/v1/signup", json=account, headers=keys, timeout=30)
        session = made.raise_for_status().json()
        database.execute(
            "insert into public.memberships (org_id, user_id, role) values (%s, %s, %s)",
            [org, session["user"]["id"], role],
        )
        self.org = org
        self.http = httpx.Client(
            base_url=f"{stack.workers_url}/api/templates/",
            headers={"Authorization": f"Bearer {session['access_token']}"},
            timeout=30,
            trust_env=False,
        )

    def post(self, action: str, **body: object) -> tuple[int, Json]:
        """Ask for something; the status and the answer."""
        reply = self.http.post(action, json={"org_id": self.org, **body})
        return reply.status_code, reply.json()


@pytest.fixture(scope="module")
def desk(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The operator of the shop that these tests share."""
    return Commands(stack, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def store(stack: RunningStack, desk: Commands) -> tuple[str, Business]:
    """An organization that is connected."""
    made = desk.organization()
    return made, Business(stack).connected(desk, made)


@pytest.fixture
def org(store: tuple[str, Business]) -> str:
    """The organization."""
    return store[0]


@pytest.fixture
def shop(store: tuple[str, Business]) -> Iterator[Business]:
    """Its business, whose templates Meta reviews within a moment."""
    shop = store[1]
    shop.sandbox.reviews(after_ms=150)
    yield shop
    shop.sandbox.reviews(after_ms=2000, status="APPROVED", reason="NONE", most_templates=250)


@pytest.fixture
def draft() -> Json:
    """A template with a name of its own."""
    body = {"type": "BODY", "text": "Dear {{1}}, thank you.", "example": {"body_text": [["Asha"]]}}
    name = f"thanks_{uuid4().hex[:8]}"
    return {"name": name, "language": "en", "category": "UTILITY", "components": [body]}


@pytest.fixture
def admin(stack: RunningStack, database: Database, org: str) -> Admin:
    """An admin of the organization."""
    return Admin(stack, database, org, "admin")


def status(database: Database, org: str, name: str) -> str | None:
    rows = database.rows(
        "select status from public.message_templates where org_id = %s and name = %s order by 1", org, name
    )
    return str(rows[0][0]) if rows else None


def becomes(database: Database, org: str, name: str, expected: str) -> None:
    eventually(lambda: status(database, org, name) == expected)


def test_a_template_is_made_approved_sent_changed_and_deleted(
    flow: Commands, database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    assert admin.post("create", template=draft)[1]["status"] == "PENDING"
    becomes(database, org, draft["name"], "APPROVED")
    words = ("message", "send", "--org", org, "--to", "+919810000011", "--template", draft["name"])
    flow.done(*words, "--language", "en", "--param", "Asha")
    eventually(
        lambda: [s.text for s in shop.sends() if s.template == draft["name"]] == ["Dear Asha, thank you."]
    )

    changed = draft | {"components": [{"type": "BODY", "text": "Thank you."}]}
    assert admin.post("edit", template=changed)[1]["status"] == "PENDING"
    becomes(database, org, draft["name"], "APPROVED")
    assert flow.refused(*words, "--language", "en", "--param", "Asha")["detail"] == "template_parameters"
    code, told = admin.post("edit", template=changed)
    assert (code, told["detail"]) == (429, "template_edit_limit")
    assert told["retry_at"]

    assert admin.post("delete", name=draft["name"]) == (200, {"name": draft["name"], "deleted": 1})
    assert status(database, org, draft["name"]) == "DELETED"
    (account,) = [a for a in shop.sandbox.accounts() if a["waba_id"] == shop.waba_id]
    assert draft["name"] not in [t["name"] for t in account["templates"]]


def test_a_rejected_template_says_why_and_can_be_mended(
    database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    shop.sandbox.reviews(status="REJECTED", reason="INVALID_FORMAT")
    admin.post("create", template=draft)
    becomes(database, org, draft["name"], "REJECTED")
    why = "select rejected_reason from public.message_templates where org_id = %s and name = %s"
    assert database.value(why, org, draft["name"]) == "INVALID_FORMAT"

    shop.sandbox.reviews(status="APPROVED", reason="NONE")
    assert admin.post("edit", template=draft | {"category": "MARKETING"})[0] == 200
    becomes(database, org, draft["name"], "APPROVED")


def test_the_same_template_twice_is_a_conflict_and_meta_has_one(
    database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    shop.sandbox.reviews(after_ms=None)
    admin.post("create", template=draft)

    code, told = admin.post("create", template=draft)

    assert (code, told["detail"], status(database, org, draft["name"])) == (409, "template_exists", "PENDING")


def test_an_answer_that_was_lost_is_found_by_the_next_reading(
    flow: Commands, database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    shop.sandbox.reviews(after_ms=None)
    admin.post("create", template=draft)  # Flow forgets it, as when the answer had been lost
    database.execute(
        "delete from public.message_templates where org_id = %s and name = %s", [org, draft["name"]]
    )
    database.execute("delete from private.template_writes where org_id = %s", [org])

    code, told = admin.post("create", template=draft)

    assert (code, told["detail"]) == (409, "template_exists")
    database.execute("update private.template_syncs set next_at = now() where org_id = %s", [org])
    becomes(database, org, draft["name"], "PENDING")


def test_what_meta_refuses_leaves_nothing_behind(
    database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    shop.sandbox.reviews(most_templates=0)

    code, told = admin.post("create", template=draft)

    assert (code, told["detail"], status(database, org, draft["name"])) == (409, "template_limit", None)
    assert "2388019" in told["message"]


def test_a_header_with_a_file_takes_an_uploaded_sample(
    database: Database, org: str, shop: Business, admin: Admin, draft: Json
) -> None:
    file = {"file": ("a.png", b"\x89PNG" + b"x" * 2_000_000, "image/png")}
    reply = admin.http.post("sample", data={"org_id": org}, files=file)
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [reply.json()["handle"]]}}

    code, made = admin.post("create", template=draft | {"components": [header, *draft["components"]]})

    assert (code, made["status"]) == (200, "PENDING")
    wrong = admin.http.post("sample", data={"org_id": org}, files={"file": ("a.txt", b"x", "text/plain")})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "sample_type")


def test_only_an_admin_writes_templates(
    stack: RunningStack, database: Database, org: str, shop: Business, draft: Json
) -> None:
    agent = Admin(stack, database, org, "agent")

    answers = [agent.post(action, template=draft)[0] for action in ("create", "edit")]
    answers.append(agent.post("delete", name="hello")[0])
    answers.append(agent.http.post("sample", data={"org_id": org}, files={"file": ("a", b"x")}).status_code)

    assert answers == [403, 403, 403, 403]
    assert status(database, org, "hello") == "APPROVED"


def test_an_operator_writes_templates_at_the_command_line(
    flow: Commands, database: Database, org: str, shop: Business, draft: Json
) -> None:
    made = flow.done("template", "create", "--org", org, stdin=json.dumps(draft))
    becomes(database, org, draft["name"], "APPROVED")
    listed = flow.done("template", "list", "--org", org)["templates"]
    wrong = flow.refused("template", "create", "--org", org, stdin=json.dumps(draft | {"name": "No"}))
    gone = flow.done("template", "delete", "--org", org, "--name", draft["name"], "--language", "en")

    assert made["status"] == "PENDING"
    assert (draft["name"], "APPROVED", 1) in [
        (t["name"], t["status"], t["parameters"]["body"]["count"]) for t in listed
    ]
    assert wrong["detail"] == "template_name"
    assert (gone["deleted"], status(database, org, draft["name"])) == (1, "DELETED")


def test_templates_are_read_by_themselves(database: Database, org: str, shop: Business, draft: Json) -> None:
    shop.sandbox.put_account({"waba_id": shop.waba_id, "templates": [draft | {"status": "APPROVED"}]})
    database.execute("update private.template_syncs set next_at = now() where org_id = %s", [org])

    becomes(database, org, draft["name"], "APPROVED")

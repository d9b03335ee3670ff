"""An owner deletes an organization: rows and files go, the certificate can be read, others go on."""

from __future__ import annotations

import io
from uuid import uuid4

import httpx
import pytest

from tests.database import Database
from tests.e2e.commands import Business, eventually
from workers.cli.org import People
from workers.settings import Settings
from workers.storage import Bucket

PASSWORD = "a long enough password"


class Owner:
    """Somebody who signed in just now and owns an organization."""

    def __init__(self, stack, name):
        self.stack = stack
        self.settings = Settings(_env_file=stack.data / "settings.env")
        people = People(self.settings)
        self.email = f"owner.{uuid4().hex[:10]}@example.com"
        self.id = people.ensure(self.email, PASSWORD)
        self.org = str(people.create_organization(name, self.id)["org_id"])
        self.http = httpx.Client(
            base_url=stack.api_url, headers={"apikey": stack.publishable_key}, trust_env=False
        )
        answer = self.http.post(
            "/auth/v1/token",
            params={"grant_type": "password"},
            json={"email": self.email, "password": PASSWORD},
        )
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, function, /, **args):
        return self.http.post(f"/rest/v1/rpc/{function}", json=args)


@pytest.fixture
def owner(stack):
    return Owner(stack, "Doomed Traders")


def test_a_deleted_organization_leaves_nothing_but_its_certificate(stack, flow, owner):
    business = Business(stack).connected(flow, owner.org)
    flow.done("lead", "add", "--org", owner.org, "--name", "Ravi", "--phone", "+919812345678")
    with httpx.Client(trust_env=False) as http:
        media = Bucket(http, owner.settings, "media")
        path = f"{owner.org}/2026/11/{uuid4()}"
        media.put(path, io.BytesIO(b"\x89PNG"), "image/png")

        deleted = owner.call("delete_organization", org_id=owner.org, name="Doomed Traders", is_now=True)

        assert deleted.status_code == 200, deleted.text
        page = f"{stack.workers_url}/deletions/{deleted.json()['id']}"
        eventually(
            lambda: http.get(page, headers={"Accept": "application/json"}).json()["status"] == "purged",
            seconds=60,
        )
        certificate = http.get(page, headers={"Accept": "application/json"}).json()["certificate"]
        assert certificate["removed"]["files in media"] == 1
        assert certificate["removed"]["public.leads"] == 1
        assert "No row and no file of it is left" in http.get(page).text
        assert http.get(f"{stack.workers_url}/deletions/{uuid4()}").status_code == 404
    with Database.connect(stack.database_url, autocommit=True) as db:
        assert db.value("select private.remaining_rows(%s)", owner.org) == {}
        assert db.value("select count(*) from storage.objects where name like %s", f"{owner.org}/%") == 0
        assert db.value("select count(*) from auth.users where id = %s", owner.id) == 0
    assert business


def test_a_deletion_is_refused_without_the_name(owner):
    refused = owner.call("delete_organization", org_id=owner.org, name="Doomed")

    assert (refused.status_code, refused.json()["details"]) == (422, "name_differs")


def test_a_deletion_is_taken_back_and_everything_is_there_again(owner):
    told = owner.call("delete_organization", org_id=owner.org, name="Doomed Traders").json()
    assert owner.http.get("/rest/v1/organizations").json() == []

    owner.call("cancel_deletion", deletion_id=told["id"])

    assert [one["name"] for one in owner.http.get("/rest/v1/organizations").json()] == ["Doomed Traders"]
